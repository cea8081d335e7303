"""A turn and its reply: begun and ended, each in one short transaction under the fence of its round."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from conversations import markdown
from conversations.actions.change import Stamp, change
from conversations.choices import MessageKind, RoundState, TurnPhase, TurnState, VersionState, Wish
from conversations.models import Conversation, Message, Participant, Round, Turn, Version


class Overtaken(Exception):
    """The fence is down: the round is no longer ours, somebody wished it to end, its speaker left, or its place is
    taken: deleted, set aside, or spoken in by another round."""


@dataclass(frozen=True, slots=True)
class Fence:
    """What must still hold for a round to say anything."""

    conversation_id: int
    round_id: int
    owner: uuid.UUID
    speaker_id: int
    message_id: int | None = None
    """The message that gets a new version; None: a new message."""


@dataclass(frozen=True, slots=True)
class BegunTurn:
    id: int
    key: str


@dataclass(frozen=True, slots=True)
class BegunReply:
    version_id: int
    message_id: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How a reply ended: its final text, its state and, where it broke, by whom and why in words."""

    state: VersionState
    turn_state: TurnState
    text: str = ""
    html: str = ""
    reasoning: str = ""
    error: str = ""
    error_detail: str = ""
    model_id: int | None = None
    model_name: str = ""


def begin_turn(fence: Fence, *, why: dict[str, Any], recipe: dict[str, Any]) -> BegunTurn | None:
    """Seat the next speaker, visibly. None: overtaken."""
    try:
        with change(fence.conversation_id) as stamp:
            _check(fence)
            index = Turn.objects.filter(round_id=fence.round_id).count()
            turn = Turn.objects.create(
                round_id=fence.round_id,
                index=index,
                phase=TurnPhase.SPEAK,
                speaker_id=fence.speaker_id,
                why=why,
                recipe=recipe,
            )
            Round.objects.filter(pk=fence.round_id).update(stamped=stamp.revision)
            return BegunTurn(turn.pk, str(turn.key))
    except Overtaken:
        return None


def begin_reply(fence: Fence, turn: BegunTurn, text: str, model_id: int | None, model_name: str) -> BegunReply | None:
    """Give the first visible text its place in the log. None: overtaken, and nothing is shown.

    The clock is locked by a statement of its own before the fence is read: a fence read in the same statement
    would, on PostgreSQL, still see the rows as they were before the wait for the lock.
    """
    try:
        with change(fence.conversation_id, places=int(fence.message_id is None)) as stamp:
            _check(fence)
            message_id, sequence = _place(fence, stamp)
            number = 1 if fence.message_id is None else _hide_former(message_id)
            version = Version.objects.create(
                message_id=message_id,
                turn_id=turn.id,
                number=number,
                state=VersionState.STREAMING,
                text=text,
                model_id=model_id,
                model_name=model_name,
            )
            Round.objects.filter(pk=fence.round_id).update(stamped=stamp.revision)
            return BegunReply(version.pk, message_id, sequence)
    except Overtaken:
        return None


def _check(fence: Fence) -> None:
    mine = Round.objects.filter(pk=fence.round_id, owner=fence.owner, state=RoundState.RUNNING, wish=Wish.NONE)
    there = Participant.objects.present().filter(pk=fence.speaker_id, muted=False)
    if not mine.exists() or not there.exists():
        raise Overtaken
    if fence.message_id is not None:
        standing = Message.objects.filter(pk=fence.message_id, deleted_at=None, set_aside_by=None)
        if not standing.exclude(versions__state=VersionState.STREAMING).exists():
            raise Overtaken


def _place(fence: Fence, stamp: Stamp, kind: MessageKind = MessageKind.SPEECH) -> tuple[int, int]:
    if fence.message_id is not None:
        Message.objects.filter(pk=fence.message_id).update(stamped=stamp.revision)
        return fence.message_id, Message.objects.values_list("sequence", flat=True).get(pk=fence.message_id)
    message = Message.objects.create(
        conversation_id=fence.conversation_id,
        sequence=stamp.sequence,
        author_id=fence.speaker_id,
        kind=kind,
        stamped=stamp.revision,
    )
    Conversation.objects.filter(pk=fence.conversation_id).update(last_activity_at=timezone.now())
    return message.pk, stamp.sequence


def _hide_former(message_id: int) -> int:
    """Make room for a new shown version; its number. Hidden before that is made: two shown break the constraint."""
    Version.objects.filter(message_id=message_id, shown=True).update(shown=False)
    return Version.objects.filter(message_id=message_id).count() + 1


def end_reply(fence: Fence, turn: BegunTurn, reply: BegunReply, ending: Ending) -> bool:
    """Store the whole reply as it ended. False: somebody else ended it before (deleted, swept), and that holds."""
    with change(fence.conversation_id) as stamp:
        streaming = Version.objects.filter(pk=reply.version_id, state=VersionState.STREAMING)
        stored = streaming.update(**_final(ending))
        Turn.objects.filter(pk=turn.id, state=TurnState.BEGUN).update(
            state=ending.turn_state if stored else TurnState.STOPPED, ended_at=timezone.now()
        )
        Message.objects.filter(pk=reply.message_id).update(stamped=stamp.revision)
        Round.objects.filter(pk=fence.round_id).update(stamped=stamp.revision)
        return bool(stored)


def _final(ending: Ending) -> dict[str, Any]:
    return {
        "state": ending.state,
        "text": ending.text,
        "closed": len(ending.text),
        "html": ending.html,
        "renderer": markdown.RENDERER,
        "reasoning": ending.reasoning,
        "error": ending.error,
        "error_detail": ending.error_detail[:600],
        "ended_at": timezone.now(),
    }


def end_silent_turn(fence: Fence, turn: BegunTurn, ending: Ending) -> None:
    """End a turn that showed no text. A failure and a pass take their place in the log, under the same fence as a
    text; anything else leaves none.

    A failed second try is kept beside a text that stands, and takes the place of one that failed too.
    """
    state = ending.turn_state
    if state in (TurnState.FAILED, TurnState.PASSED):
        if _tell_silence(fence, turn, ending):
            return
        state = TurnState.OVERTAKEN
    with change(fence.conversation_id) as stamp:
        _end_turn(fence, turn, state, stamp)


def _tell_silence(fence: Fence, turn: BegunTurn, ending: Ending) -> bool:
    try:
        with change(fence.conversation_id, places=int(fence.message_id is None)) as stamp:
            _check(fence)
            if not _end_turn(fence, turn, ending.turn_state, stamp):
                raise Overtaken
            _store_silence(fence, turn, ending, stamp)
    except Overtaken:
        return False
    return True


def _end_turn(fence: Fence, turn: BegunTurn, state: TurnState, stamp: Stamp) -> bool:
    Round.objects.filter(pk=fence.round_id).update(stamped=stamp.revision)
    begun = Turn.objects.filter(pk=turn.id, state=TurnState.BEGUN)
    return bool(begun.update(state=state, ended_at=timezone.now()))


def _store_silence(fence: Fence, turn: BegunTurn, ending: Ending, stamp: Stamp) -> None:
    passed = ending.turn_state == TurnState.PASSED
    message_id, _ = _place(fence, stamp, MessageKind.PASS if passed else MessageKind.SPEECH)
    standing = Version.objects.filter(message_id=message_id, shown=True).exclude(state=VersionState.FAILED)
    shown = not standing.exists()
    number = Version.objects.filter(message_id=message_id).count() + 1
    if shown:
        Version.objects.filter(message_id=message_id, shown=True).update(shown=False)
    Version.objects.create(
        message_id=message_id,
        turn_id=turn.id,
        number=number,
        shown=shown,
        model_id=ending.model_id,
        model_name=ending.model_name,
        **_final(ending),
    )
