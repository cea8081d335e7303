"""What a hub knows of the texts that stream in its room."""

from collections.abc import Callable, Collection

from conversations.hub.reading import Changes
from conversations.hub.sockets import Socket

QUIET_SECONDS = 2.0
"""A text of which no reply came for so long is read from the database instead."""

MOST_ENDED = 500


class Speaking:
    """Which versions stream, as last read, and whose replies arrive. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._sequences: dict[int, int] = {}
        self._heard_at: dict[int, float] = {}
        self._ended: dict[int, None] = {}
        self._asked_for: set[int] = set()

    def note(self, changes: Changes) -> None:
        """Take over what was read. What was known or asked for and does not stream has ended."""
        now, speaking = self.clock(), changes.speaking
        silent = {one.version for one in changes.messages if not one.streams} | self._sequences.keys() | self._asked_for
        self._ended |= dict.fromkeys(silent - speaking.keys())
        for version in list(self._ended)[:-MOST_ENDED]:
            del self._ended[version]
        self._asked_for.clear()
        self._sequences = dict(speaking)
        self._heard_at = {version: self._heard_at.get(version, now) for version in speaking}

    def has_ended(self, version: int) -> bool:
        return version in self._ended

    def hear(self, version: int) -> bool:
        """A reply of it came. False: nobody knows it yet, and it must be read."""
        if version not in self._sequences:
            self._asked_for.add(version)
            return False
        self._heard_at[version] = self.clock()
        return True

    def spoken(self) -> frozenset[int]:
        """Versions whose replies arrive, or have had no time to."""
        since = self.clock() - QUIET_SECONDS
        return frozenset(version for version, heard in self._heard_at.items() if heard >= since)

    def is_any_quiet(self) -> bool:
        return len(self.spoken()) < len(self._sequences)

    def followed(self, spoken: Collection[int], listening: Collection[Socket]) -> frozenset[int]:
        """Those that every socket which sees them follows, so that nobody needs the stored text."""
        return frozenset(
            version
            for version in spoken
            if all(version in socket.have for socket in listening if socket.sees(self._sequences[version]))
        )
