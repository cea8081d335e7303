"""One task a process: stores all live replies in one statement, and hears what people wish of its rounds."""

import asyncio
import logging
import uuid
from collections.abc import Sequence
from typing import Protocol

from conversations.actions.checkpoint import Snapshot, read_wishes, store_snapshots
from conversations.choices import Wish
from conversations.replies.live import LiveReply
from providers.database import Door

logger = logging.getLogger(__name__)

LATE_SECONDS = 1.0
SHORTEST_TICK, LONGEST_TICK, TICK_PER_REPLY = 0.04, 0.25, 0.001


class Watched(Protocol):
    """A running round, as far as the checkpointer tells it something."""

    owner: uuid.UUID

    def hear(self, wish: Wish) -> None: ...
    def lose(self) -> None: ...


class Listening(Protocol):
    """A reply's owner: told when its version was ended by somebody else."""

    live: LiveReply

    def lose(self) -> None: ...


class Checkpointer:
    """Ticks whether or not text came, so that Stop works before the first token and from any process."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._door = Door(threads=1)
        self._replies: dict[int, Listening] = {}
        self._rounds: dict[uuid.UUID, Watched] = {}
        self.on_time = asyncio.Event()
        self.on_time.set()

    @property
    def live_replies(self) -> int:
        return len(self._replies)

    def tick_seconds(self) -> float:
        """How often a reply is sent: the more live ones, the rarer, so that the loop stays free."""
        return min(LONGEST_TICK, max(SHORTEST_TICK, TICK_PER_REPLY * len(self._replies)))

    def watch(self, round_: Watched) -> None:
        self._rounds[round_.owner] = round_

    def unwatch(self, round_: Watched) -> None:
        self._rounds.pop(round_.owner, None)

    def add(self, reply: Listening) -> None:
        self._replies[reply.live.begun.version_id] = reply

    def remove(self, reply: Listening) -> None:
        self._replies.pop(reply.live.begun.version_id, None)

    async def run(self) -> None:
        """Tick against absolute deadlines until cancelled; a lost database is waited for."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        watchdog = loop.call_later(LATE_SECONDS, self.on_time.clear)
        while True:
            due = max(due + self._interval, loop.time())
            await asyncio.sleep(due - loop.time())
            if await self._attempt():
                watchdog.cancel()
                self.on_time.set()
                watchdog = loop.call_later(self._interval + LATE_SECONDS, self.on_time.clear)

    async def _attempt(self) -> bool:
        try:
            await self.tick()
        except Exception:
            logger.exception("checkpoint failed; live=%d", len(self._replies))
            return False
        return True

    async def tick(self) -> None:
        """One checkpoint and one look at the wishes."""
        if not self._replies and not self._rounds:
            return
        replies, rounds = dict(self._replies), dict(self._rounds)
        snapshots = [reply.live.snapshot() for reply in replies.values()]
        alive, wishes = await self._door(_store_and_look, snapshots, list(rounds))
        for snapshot in snapshots:
            reply = replies[snapshot.version_id]
            if snapshot.version_id in alive:
                reply.live.stored(snapshot)
            elif self._replies.get(snapshot.version_id) is reply:
                reply.lose()
        for owner, round_ in rounds.items():
            if owner in wishes:
                round_.hear(Wish(wishes[owner]))
            elif self._rounds.get(owner) is round_:
                round_.lose()

    def close(self) -> None:
        self._door.close()


def _store_and_look(
    snapshots: Sequence[Snapshot], owners: Sequence[uuid.UUID]
) -> tuple[set[int], dict[uuid.UUID, str]]:
    return store_snapshots(snapshots), read_wishes(owners)
