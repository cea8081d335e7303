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
from conversations.hub.speaking import Speaking
from providers.database import in_database

logger = logging.getLogger(__name__)

NOT_A_MEMBER, NO_SUCH_ROOM = 4403, 4404

MOST_WAITING = 1_000
"""Events that may wait for a reading. Any that fall out are healed by their successors."""

EVER = 2**63 - 1
"""Later than any revision: a reading from here renders nothing."""


class Hub:
    """Reads what changed once, renders it once, hands it to each socket that lacks it.

    Events only leave a note and wake the worker; joins, readings and handing out take turns under one lock.
    """

    def __init__(self, conversation_id: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.conversation_id = conversation_id
        self.sockets: set[Socket] = set()
        self.revision = self.epoch = -1
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._waiting: deque[Callable[[], None]] = deque(maxlen=MOST_WAITING)
        self._rung = self._rung_epoch = -1
        self._lacking = False
        self._is_stuck = False
        self._presence_moved = False
        self.speaking = Speaking(self.loop.time)
        self._worker = self.loop.create_task(self._work(), context=contextvars.Context())

    def end(self, code: int | None = None) -> None:
        """Stop listening, and close what sockets there still are."""
        self._worker.cancel()
        for socket in self.sockets:
            if code is not None:
                socket.outbox.close(code)

    # ---- Events: notes for the worker

    def changed(self, revision: int, epoch: int) -> None:
        self._rung, self._rung_epoch = max(self._rung, revision), max(self._rung_epoch, epoch)
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
        self._is_stuck = False
        self._lacking |= self.speaking.is_any_quiet()
        if self._presence_moved:
            self._presence_moved = False
            here = sorted({socket.participant_id for socket in self.sockets if socket.is_listening})
            self._later(partial(self._hand_to_all, {"presence": here}))
        self.changed(revision, epoch)

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
            if self._must_read():
                await self._catch_up()
            while self._waiting:
                self._waiting.popleft()()
        except Exception:
            # The room must not go deaf for a database that is away; nothing is handed out until it has answered.
            self._is_stuck = self._lacking = True
            logger.exception("a room could not be read; conversation=%d", self.conversation_id)
        else:
            if self._must_read():
                self._wake.set()

    def _must_read(self) -> bool:
        return self._lacking or self._rung > self.revision or self._rung_epoch > self.epoch

    async def _catch_up(self) -> None:
        listening = self._listening()
        spoken = self.speaking.spoken()
        known = self.revision if listening else EVER
        # Before the reading: what rings meanwhile may have missed it.
        self._lacking, self._rung, self._rung_epoch = False, -1, -1
        changes = await self._read(known, self.speaking.followed(spoken, listening))
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
            self.speaking.note(changes)
        return changes

    def _admit(self, asked: Collection[int], found: Mapping[int, Member], gone: bool) -> None:
        for socket in [socket for socket in self.sockets if socket.user_id in asked]:
            if gone or socket.user_id not in found:
                socket.outbox.close(NO_SUCH_ROOM if gone else NOT_A_MEMBER)
            else:
                socket.admit(found[socket.user_id])

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
        listening = self._listening()
        if not listening or self.speaking.has_ended(event.version):
            return
        if not self.speaking.hear(event.version):
            self._lacking = True
            return
        reply = Reply(event)
        for socket in listening:
            if socket.sees(event.sequence) and not reply.hand(socket):
                self._lacking = True

    def _hand_to_all(self, frame: Mapping[str, Any]) -> None:
        text = frames.encode(frame)
        for socket in self._listening():
            socket.outbox.put(text)

    def _listening(self) -> list[Socket]:
        return [socket for socket in self.sockets if socket.is_listening]


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
