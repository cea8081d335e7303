"""What a policy sees and what it may answer. Pure: `rounds.py` performs the answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from conversations.choices import EndReason, PolicyName
from providers.request import JSON


@dataclass(frozen=True, slots=True)
class Seat:
    """An AI participant of the room, as a policy knows it."""

    participant: int
    name: str
    seat: int
    muted: bool = False
    follows_instructions: bool = True
    settings: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A turn of this round.

    `finished` is false where the speaker is to be asked again: its turn was overtaken, or broken off before the
    round was resumed. A turn that fails, or whose service breaks off, while the round runs is `finished` and `failed`.
    """

    speaker: int
    finished: bool
    passed: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class RoundState:
    """All that a policy may look at: equal states give equal answers.

    `seats` are the AIs of the room and `turns` this round's, oldest first. `limit` is the greatest number of turns,
    `last_speaker` the AI that spoke last before this round, `trigger` the sequence of the message that started it.
    """

    seats: tuple[Seat, ...]
    turns: tuple[PastTurn, ...]
    limit: int
    seed: int = 0
    mentioned: tuple[int, ...] = ()
    last_speaker: int | None = None
    trigger: int | None = None

    @property
    def able(self) -> tuple[Seat, ...]:
        """Those who may speak, in seat order."""
        unmuted = (seat for seat in self.seats if not seat.muted)
        return tuple(sorted(unmuted, key=lambda seat: (seat.seat, seat.participant)))

    @property
    def answered(self) -> frozenset[int]:
        """Those who have had their turn in this round, and are not asked again when it is resumed."""
        return frozenset(turn.speaker for turn in self.turns if turn.finished)

    @property
    def addressed(self) -> tuple[int, ...]:
        """Those mentioned who may speak and have not yet, in the order named."""
        waiting = {seat.participant for seat in self.able} - self.answered
        return tuple(dict.fromkeys(one for one in self.mentioned if one in waiting))


@dataclass(frozen=True, slots=True)
class Speak:
    """These speak next, one after another in this order, or at once and `blind` to each other."""

    who: tuple[int, ...]
    why: Mapping[str, JSON]
    blind: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A model is asked first; `parse` makes the next choice of its answer (which may be to ask once more)."""

    model: int
    prompt: str
    parse: Callable[[str], "Choice"]


@dataclass(frozen=True, slots=True)
class End:
    """The round is over."""

    reason: EndReason


type Choice = Speak | Ask | End


class Policy(Protocol):
    """The rule that chooses who speaks next. It keeps nothing between two calls."""

    @property
    def slug(self) -> PolicyName: ...

    def next(self, state: RoundState) -> Choice: ...


def one_speaker(policy: PolicyName, rule: str, state: RoundState, speaker: int, candidates: tuple[int, ...]) -> Speak:
    """Let one participant speak, with the reason that a reader is shown for it."""
    why: dict[str, JSON] = {"policy": policy.value, "rule": rule, "candidates": list(candidates)}
    if state.trigger is not None:
        why["trigger"] = state.trigger
    return Speak((speaker,), why)
