"""What a hub knows of one socket."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from conversations.hub.frames import Window
from conversations.hub.outbox import Outbox
from conversations.hub.reading import Changes, Fragment, Member


class Held(NamedTuple):
    """How far a page is with a text that streams: the end of what it has as closed, and the length of the stored
    text if it shows just that (None: it shows what a reply brought)."""

    closed: int
    stored: int | None


@dataclass(slots=True, eq=False)
class Socket:
    """One page's socket. It is handed nothing before its hello has said what it shows."""

    user_id: int
    session_key: str
    outbox: Outbox
    participant_id: int = 0
    visible_from: int = 0
    may_type: bool = False
    window: Window | None = None
    newest: int = 0
    told: int = 0
    have: dict[int, Held] = field(default_factory=dict)

    @property
    def is_listening(self) -> bool:
        return self.window is not None and self.outbox.is_open

    def admit(self, member: Member) -> None:
        self.participant_id = member.participant_id
        self.visible_from = member.visible_from
        self.may_type = member.may_type

    def look_at(self, window: Window, newest: int) -> None:
        """The page shows `window` of a log whose last sequence is `newest`, and holds no reply yet."""
        self.window, self.newest, self.told = window, newest, 0
        self.have.clear()

    def sees(self, sequence: int) -> bool:
        return self.window is not None and sequence > self.visible_from and self.window.holds(sequence)

    def pick(self, changes: Changes, spoken: Collection[int]) -> tuple[Fragment, ...]:
        """The fragments for this page, noted as had. `spoken` are the versions whose replies arrive."""
        return tuple(fragment for fragment in changes.messages if self._takes(fragment, spoken))

    def _takes(self, fragment: Fragment, spoken: Collection[int]) -> bool:
        if not fragment.streams:
            self.have.pop(fragment.version, None)
            return self.sees(fragment.sequence)
        held, stored = self.have.get(fragment.version), Held(fragment.closed, fragment.length)
        follows = held is not None and (fragment.version in spoken or held == stored)
        if follows or not self.sees(fragment.sequence):
            return False
        self.have[fragment.version] = stored
        return True

    def passed_by(self, changes: Changes) -> int:
        """How many messages have come past the end of what the page shows, if one just did; else 0."""
        came = changes.last_sequence - self.newest
        if self.window is None or self.window.last is None or came <= self.told:
            return 0
        self.told = came
        return came
