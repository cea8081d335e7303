"""What a turn is made from: the room as its rows stand now, in the words of policies and perspectives."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef

from conversations import policies
from conversations.choices import (
    EndReason,
    ParticipantKind,
    RoundKind,
    RoundState,
    TurnState,
    VersionState,
    Wish,
)
from conversations.models import Message, Participant, Round, Turn, Version
from conversations.perspective import Chair, Heard, Voice
from providers.models import AIModel

MOST_HEARD = 500
"""Messages read for one turn; the perspective's budget chooses among them."""
DEFAULT_WINDOW, MOST_OUTPUT = 8_192, 8_192

ENDING_WISHES = {Wish.PAUSE: EndReason.PAUSED, Wish.END: EndReason.OVERTAKEN, Wish.STOP: EndReason.STOPPED}
FINISHED = {TurnState.SPOKEN, TurnState.PASSED, TurnState.FAILED, TurnState.STOPPED}
FAILED = {TurnState.FAILED, TurnState.INTERRUPTED}


@dataclass(frozen=True, slots=True)
class Scene:
    """One round at one moment. `wished` is why it should end, if somebody wished so."""

    round: Round
    wished: EndReason | None
    state: policies.RoundState
    participants: dict[int, Participant]
    roster: tuple[Voice, ...]
    heard: tuple[Heard, ...]
    broken_off: dict[int, int]
    """Speakers whose message of an earlier run was interrupted, and that message: it gets a new version."""


def load_scene(round_id: int, owner: uuid.UUID, first_turn: int) -> Scene | None:
    """Read what the next turn needs; None where the round is no longer its owner's.

    Turns from index `first_turn` on are those of this run; earlier ones were left by a run that broke off.
    """
    found = Round.objects.filter(pk=round_id, owner=owner, state=RoundState.RUNNING)
    round_ = found.select_related("conversation", "trigger", "started_by").first()
    if round_ is None:
        return None
    turns = list(Turn.objects.filter(round=round_).order_by("index"))
    heard = _heard(round_)
    everyone = {row.pk: row for row in round_.conversation.participants.seated()}
    earlier = [turn.pk for turn in turns if turn.state == TurnState.INTERRUPTED and turn.index < first_turn]
    broken_off = _broken_off(earlier)
    _note_answered_beside(round_, turns, earlier)
    return Scene(
        round=round_,
        wished=ENDING_WISHES.get(Wish(round_.wish)),
        state=_policy_state(round_, turns, first_turn, everyone, heard),
        participants=everyone,
        roster=_roster(everyone, heard),
        heard=tuple(one for one in heard if one.sequence not in _sequences(broken_off)),
        broken_off=broken_off,
    )


def _heard(round_: Round) -> list[Heard]:
    messages = Message.objects.filter(conversation=round_.conversation).heard()
    if round_.kind == RoundKind.ANSWER_AGAIN and round_.trigger is not None:
        messages = messages.filter(sequence__lt=round_.trigger.sequence)
    rows = (
        Version.objects.filter(message__in=messages.order_by("-sequence").values("pk")[:MOST_HEARD])
        .hearable()
        .order_by("-message__sequence", "-shown", "-number")
        .values_list("message__sequence", "pk", "message__author", "text")
    )
    newest: dict[int, Heard] = {}
    for sequence, version, author, text in rows:
        newest.setdefault(sequence, Heard(sequence, version, author, text))
    return [newest[sequence] for sequence in sorted(newest)]


def _policy_state(
    round_: Round, turns: Sequence[Turn], first_turn: int, everyone: dict[int, Participant], heard: Sequence[Heard]
) -> policies.RoundState:
    ais = [row for row in everyone.values() if row.kind == ParticipantKind.AI and row.is_present]
    before = round_.trigger.sequence if round_.trigger is not None else None
    spoken = [one.author for one in heard if everyone[one.author].kind == ParticipantKind.AI]
    return policies.RoundState(
        seats=tuple(_seat(row) for row in ais),
        turns=tuple(_past(turn, first_turn) for turn in turns if turn.speaker_id is not None),
        limit=int(round_.limits.get("turns", len(ais))),
        seed=round_.seed,
        last_speaker=spoken[-1] if spoken else None,
        trigger=before,
    )


def _seat(participant: Participant) -> policies.Seat:
    model = participant.model
    return policies.Seat(
        participant=participant.pk,
        name=participant.name,
        seat=participant.seat,
        muted=participant.muted,
        follows_instructions=model.follows_instructions if model else True,
        settings=participant.settings,
    )


def _past(turn: Turn, first_turn: int) -> policies.PastTurn:
    broke_in_this_run = turn.state == TurnState.INTERRUPTED and turn.index >= first_turn
    return policies.PastTurn(
        speaker=turn.speaker_id or 0,
        finished=turn.state in FINISHED or broke_in_this_run,
        passed=turn.state == TurnState.PASSED,
        failed=turn.state in FAILED and turn.index >= first_turn,
    )


def _broken_off(earlier: Sequence[int]) -> dict[int, int]:
    if not earlier:
        return {}
    shown = Version.objects.filter(message=OuterRef("message"), shown=True, state=VersionState.INTERRUPTED)
    halves = Version.objects.filter(
        Exists(shown), turn__in=earlier, message__deleted_at=None, message__set_aside_by=None
    )
    pairs = halves.order_by("turn__index").values_list("turn__speaker", "message")
    return {speaker: message for speaker, message in pairs if speaker is not None}


def _note_answered_beside(round_: Round, turns: Sequence[Turn], earlier: Sequence[int]) -> None:
    """A half that a background round has answered anew, or is answering, is finished: its speaker is not asked."""
    if not earlier:
        return
    others = Version.objects.filter(message=OuterRef("message"), shown=True).exclude(turn__round=round_)
    halves = Version.objects.filter(Exists(others.exclude(state=VersionState.INTERRUPTED)), turn__in=earlier)
    beside = set(halves.values_list("turn", flat=True))
    for turn in turns:
        if turn.pk in beside:
            turn.state = TurnState.SPOKEN


def _sequences(broken_off: dict[int, int]) -> set[int]:
    """Places of the halves that are to be said anew: their speakers must not answer themselves."""
    if not broken_off:
        return set()
    return set(Message.objects.filter(pk__in=broken_off.values()).values_list("sequence", flat=True))


def _roster(everyone: dict[int, Participant], heard: Sequence[Heard]) -> tuple[Voice, ...]:
    voices = {one.author for one in heard}
    return tuple(
        Voice(row.pk, row.name, row.kind, row.description, present=row.is_present)
        for row in everyone.values()
        if row.is_present or row.pk in voices
    )


def chair_of(scene: Scene, speaker: Participant, model: AIModel) -> Chair:
    """The speaker's chair: its character, the room's rules, and what its model can take."""
    given = sum(one.author == speaker.pk for one in scene.heard)
    longest = speaker.settings.get("max_output") or min(model.max_output or MOST_OUTPUT, MOST_OUTPUT)
    return Chair(
        voice=Voice(speaker.pk, speaker.name, speaker.kind, speaker.description),
        instructions=speaker.instructions,
        rules=scene.round.conversation.rules,
        follows_instructions=model.follows_instructions,
        window=model.context or DEFAULT_WINDOW,
        max_output=int(longest),
        openers=tuple(speaker.openers),
        examples=tuple((question, answer) for question, answer in speaker.examples),
        opener_index=given,
        calibration=model.calibration,
    )
