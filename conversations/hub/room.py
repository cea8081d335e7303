"""The hub of one room in one process."""

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from conversations.broadcast import ReplyEvent
from conversations.hub import frames, reading
from conversations.hub.frames import Window
from conversations.hub.outbox import TRY_AGAIN
from conversations.hub.reading import Changes, Member
from conversations.hub.replies import Reply
from conversations.hub.sockets import Socket
from providers.database import in_database

logger = logging.getLogger(__name__)

NOT_A_MEMBER, NO_SUCH_ROOM = 4403, 4404

QUIET_SECONDS = 2.0
"""A text that streams is read from the database when no reply of it came for so long."""

MOST_WAITING = 1_000
"""Events that may wait for a reading. Any that fall out are healed by their successors."""

MOST_ENDED = 500

EVER = 2**63 - 1
"""Later than any revision: a reading from here renders nothing."""


class Hub:
    """Reads what changed once, renders it once, hands it to each socket that lacks it.

    Events only leave a note and wake the worker; joins, readings and handing out take turns under one lock.
    """

    def __init__(self, conversation_id: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = self.loop.time
        self.conversation_id = conversation_id
        self.sockets: set[Socket] = set()
        self.revision = self.epoch = -1
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._waiting: deque[Callable[[], None]] = deque(maxlen=MOST_WAITING)
        self._must_read = False
        self._is_stuck = False
        self._presence_moved = False
        self._sequences: dict[int, int] = {}
        self._unknown: set[int] = set()
        self._heard_at: dict[int, float] = {}
        self._ended: dict[int, None] = {}
        self._worker = self.loop.create_task(self._work(), context=contextvars.Context())

    def end(self, code: int | None = None) -> None:
        """Stop listening, and close what sockets there still are."""
        self._worker.cancel()
        for socket in self.sockets:
            if code is not None:
                socket.outbox.close(code)

    # ---- Events: notes for the worker

    def changed(self, revision: int, epoch: int) -> None:
        if revision > self.revision or epoch > self.epoch:
            self._must_read = True
            self._rouse()

    def reply(self, event: ReplyEvent) -> None:
        self._later(partial(self._hand_reply, event))

    def typing(self, participant_id: int) -> None:
        self._later(partial(self._hand_to_all, {"typing": {"participant": participant_id}}))

    def presence(self) -> None:
        self._presence_moved = True

    def bye(self) -> None:
        self._hand_to_all(frames.BYE)

    def tick(self, revision: int, epoch: int) -> None:
        """Once a second, with the room's counters: what a lost bell or a broken reading left behind is made good."""
        self._must_read |= self._is_stuck or len(self._spoken()) < len(self._sequences)
        self._is_stuck = False
        self.changed(revision, epoch)
        if self._presence_moved:
            self._presence_moved = False
            here = sorted({socket.participant_id for socket in self.sockets if socket.is_listening})
            self._later(partial(self._hand_to_all, {"presence": here}))
        self._rouse()

    def _later(self, note: Callable[[], None]) -> None:
        self._waiting.append(note)
        self._rouse()

    def _rouse(self) -> None:
        # A reading that failed is tried again by the tick, not by each event.
        if not self._is_stuck:
            self._wake.set()

    # ---- The worker

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            async with self._lock:
                await self._advance()

    async def _advance(self) -> None:
        try:
            if self._must_read:
                await self._catch_up()
            while self._waiting:
                self._waiting.popleft()()
        except Exception:
            # The room must not go deaf for a database that is away; nothing is handed out until it has answered.
            self._is_stuck = True
            logger.exception("a room could not be read; conversation=%d", self.conversation_id)
        else:
            if self._must_read:
                self._wake.set()

    async def _catch_up(self) -> None:
        listening = [socket for socket in self.sockets if socket.is_listening]
        spoken = self._spoken()
        known = self.revision if listening else EVER
        changes = await self._read(known, self._followed(spoken, listening))
        self._must_read = False
        self._hand_out(changes, listening, spoken, known)
        self.revision = changes.revision

    async def hello(self, socket: Socket, revision: int, window: Window) -> None:
        """Take a page that holds the room as of `revision` to where the room is."""
        async with self._lock:
            try:
                changes = await self._read(revision, (), socket.user_id)
            except Exception:
                logger.exception("a page could not be brought up to date; conversation=%d", self.conversation_id)
                socket.outbox.close(TRY_AGAIN)
                return
            others_listen = any(other.is_listening for other in self.sockets if other is not socket)
            socket.look_at(window, changes.last_sequence)
            self._hand_out(changes, [socket], (), -1)
            if not others_listen:
                self.revision = changes.revision

    async def _read(self, revision: int, followed: Collection[int], newcomer: int | None = None) -> Changes:
        """What changed; and before anything of it is handed out, who may still see it."""
        everyone = {socket.user_id for socket in self.sockets}
        changes, asked, found = await in_database(
            _look, self.conversation_id, revision, followed, self.epoch, everyone, newcomer
        )
        self._admit(asked, found, changes.gone)
        self.epoch = max(self.epoch, changes.epoch)
        if not changes.too_many:
            self._note_speaking(changes)
        return changes

    def _admit(self, asked: Collection[int], found: Mapping[int, Member], gone: bool) -> None:
        for socket in [socket for socket in self.sockets if socket.user_id in asked]:
            if gone or socket.user_id not in found:
                socket.outbox.close(NO_SUCH_ROOM if gone else NOT_A_MEMBER)
            else:
                socket.admit(found[socket.user_id])

    # ---- Texts that stream

    def _note_speaking(self, changes: Changes) -> None:
        now, speaking = self.clock(), changes.speaking
        silent = {one.version for one in changes.messages if not one.streams} | self._sequences.keys() | self._unknown
        self._ended |= dict.fromkeys(silent - speaking.keys())
        for version in list(self._ended)[:-MOST_ENDED]:
            del self._ended[version]
        self._unknown.clear()
        self._sequences = dict(speaking)
        self._heard_at = {version: self._heard_at.get(version, now) for version in speaking}

    def _spoken(self) -> frozenset[int]:
        """Versions whose replies reach us, or have had no time to."""
        since = self.clock() - QUIET_SECONDS
        return frozenset(version for version, heard in self._heard_at.items() if heard >= since)

    def _followed(self, spoken: Collection[int], listening: Collection[Socket]) -> frozenset[int]:
        """Those that every socket which sees them follows, so that nobody needs the stored text."""
        return frozenset(
            version
            for version in spoken
            if all(version in socket.have for socket in listening if socket.sees(self._sequences[version]))
        )

    # ---- Handing out

    def _hand_out(self, changes: Changes, sockets: Collection[Socket], spoken: Collection[int], known: int) -> None:
        """Give each socket what it lacks; one that lacks nothing of the same gets the same string."""
        made: dict[tuple[int, ...], str] = {}
        for socket in [socket for socket in sockets if socket.is_listening]:
            chosen = socket.pick(changes, spoken)
            if not chosen and changes.revision <= known and not changes.too_many:
                continue
            variant = tuple(fragment.sequence for fragment in chosen)
            if variant not in made:
                made[variant] = frames.encode(changes.frame(chosen))
            socket.outbox.put(made[variant])
            if count := socket.passed_by(changes):
                socket.outbox.put(frames.encode({"pill": count}))

    def _hand_reply(self, event: ReplyEvent) -> None:
        if event.version in self._ended:
            return
        if event.version not in self._sequences:
            self._unknown.add(event.version)
            self._must_read = True
            return
        self._heard_at[event.version] = self.clock()
        reply = Reply(event)
        for socket in self.sockets:
            if socket.is_listening and socket.sees(event.sequence) and not reply.hand(socket):
                self._must_read = True

    def _hand_to_all(self, frame: Mapping[str, Any]) -> None:
        text = frames.encode(frame)
        for socket in self.sockets:
            if socket.is_listening:
                socket.outbox.put(text)


def _look(
    conversation_id: int,
    revision: int,
    followed: Collection[int],
    epoch: int,
    everyone: Collection[int],
    newcomer: int | None,
) -> tuple[Changes, Collection[int], Mapping[int, Member]]:
    """One visit to the database: what changed; whose membership was asked, everyone's if rights moved; who is in."""
    changes = reading.changes_since(conversation_id, revision, followed=followed)
    asked = everyone if changes.epoch > epoch else () if newcomer is None else (newcomer,)
    return changes, asked, reading.members(conversation_id, asked) if asked else {}
