"""The life and death of a round: claimed by an owner, kept alive by its beat, ended once with a reason."""

import uuid

from django.db.models import F
from django.utils import timezone

from conversations import markdown
from conversations.actions.change import Stamp, change, wake_runner
from conversations.choices import EndReason, InterruptedBy, RoundState, TurnState, VersionState
from conversations.models import Message, Round, Turn, Version
from providers.actions import abandon_calls, open_turn_keys
from providers.database import writing


def claim_round(round_id: int, owner: uuid.UUID) -> bool:
    """Make a waiting round one's own. False: somebody else was first, or its room is busy."""
    found = Round.objects.filter(pk=round_id).values_list("conversation_id", "background").first()
    if found is None:
        return False
    conversation_id, background = found
    with change(conversation_id) as stamp:
        running = Round.objects.filter(conversation_id=conversation_id, state=RoundState.RUNNING).foreground()
        if not background and running.exists():
            return False
        waiting = Round.objects.filter(pk=round_id, state=RoundState.QUEUED)
        return bool(waiting.update(state=RoundState.RUNNING, owner=owner, beat=0, stamped=stamp.revision))


def beat(owners: list[uuid.UUID]) -> None:
    """Say that these rounds live. Raises no revision: nobody sees a beat.

    It holds no clock, so it waits for no row: a round that somebody else has in hand is beaten the next time.
    """
    free = Round.objects.select_for_update(skip_locked=True).filter(owner__in=owners, state=RoundState.RUNNING)
    with writing():
        Round.objects.filter(pk__in=free.values("pk")).update(beat=F("beat") + 1)


def end_round(conversation_id: int, round_id: int, owner: uuid.UUID, reason: EndReason) -> bool:
    """End one's own round; what it left begun is ended with it, and the queued round is woken.

    A text that still streams here is one whose own end could not be stored.
    """
    halves = _rendered_halves(round_id)
    with change(conversation_id) as stamp:
        mine = Round.objects.filter(pk=round_id, owner=owner, state=RoundState.RUNNING)
        if not mine.update(
            state=RoundState.ENDED, reason=reason, ended_at=timezone.now(), owner=None, stamped=stamp.revision
        ):
            return False
        _end_begun(round_id, TurnState.INTERRUPTED if halves else TurnState.OVERTAKEN, halves, stamp)
        wake_runner()
        return True


def take_over(round_id: int, owner: uuid.UUID | None, last_beat: int) -> bool:
    """End a round whose owner is dead: text is kept as interrupted, its calls are booked at their forecast.

    `owner` and `last_beat` are as the watcher saw them; if either moved, the round lives and nothing happens.
    """
    round_ = Round.objects.filter(pk=round_id).first()
    if round_ is None:
        return False
    halves = _rendered_halves(round_id)
    with change(round_.conversation_id) as stamp:
        dead = Round.objects.filter(pk=round_id, owner=owner, beat=last_beat, state=RoundState.RUNNING)
        if not dead.update(
            state=RoundState.ENDED,
            reason=EndReason.INTERRUPTED,
            ended_at=timezone.now(),
            owner=None,
            stamped=stamp.revision,
        ):
            return False
        turn_keys = [str(key) for key in Turn.objects.filter(round_id=round_id).values_list("key", flat=True)]
        _end_begun(round_id, TurnState.INTERRUPTED, halves, stamp)
        wake_runner()
    abandon_calls(turn_keys)
    return True


def abandon_orphans() -> int:
    """Book the calls that are open though their turn is over: the database was away when they were to be settled.

    Returns how many.
    """
    keys = open_turn_keys()
    begun = Turn.objects.filter(key__in=keys, state=TurnState.BEGUN).values_list("key", flat=True) if keys else ()
    return abandon_calls(set(keys) - {str(key) for key in begun})


def _rendered_halves(round_id: int) -> dict[int, str]:
    """HTML of what a round was saying. Rendered before the transaction: nobody writes these texts any more."""
    halves = Version.objects.filter(turn__round_id=round_id, state=VersionState.STREAMING)
    # sorted here: asked for the order, SQLite walks all versions by their id and leaves the index of the few alone
    return {pk: markdown.render(text) for pk, text in sorted(halves.values_list("pk", "text"))}


def _interrupt(version_id: int, html: str, stamp: Stamp) -> None:
    streaming = Version.objects.filter(pk=version_id, state=VersionState.STREAMING)
    if streaming.update(
        state=VersionState.INTERRUPTED,
        error=InterruptedBy.SITE,
        html=html,
        renderer=markdown.RENDERER,
        ended_at=timezone.now(),
    ):
        Message.objects.filter(versions=version_id).update(stamped=stamp.revision)


def _end_begun(round_id: int, state: TurnState, halves: dict[int, str], stamp: Stamp) -> None:
    Turn.objects.filter(round_id=round_id, state=TurnState.BEGUN).update(state=state, ended_at=timezone.now())
    for version_id, html in halves.items():
        _interrupt(version_id, html, stamp)
