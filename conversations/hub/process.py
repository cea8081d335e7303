"""All hubs of this process, and the tick that heals what bells lost."""

import asyncio
import contextvars
import logging
from collections.abc import Iterator

from django.conf import settings

from conversations import broadcast, dispatch
from conversations.hub import reading, sessions
from conversations.hub.room import NO_SUCH_ROOM, Hub
from conversations.hub.sockets import Socket
from providers.database import in_database

logger = logging.getLogger(__name__)

SIGNED_OUT = 4401


class Hubs:
    """One hub for each room that is open here: made for its first socket, ended with the last."""

    def __init__(self) -> None:
        self._hubs: dict[int, Hub] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._sessions_read_at = 0.0

    def join(self, conversation_id: int, socket: Socket) -> Hub:
        hub = self._hubs.get(conversation_id)
        if hub is None:
            hub = self._hubs[conversation_id] = Hub(conversation_id)
            broadcast.listen(conversation_id, hub)
        hub.sockets.add(socket)
        if self._ticking is None:
            self._ticking = hub.loop.create_task(self._keep_ticking(), context=contextvars.Context())
        return hub

    def leave(self, hub: Hub, socket: Socket) -> None:
        hub.sockets.discard(socket)
        socket.outbox.stop()
        if not hub.sockets and self._hubs.get(hub.conversation_id) is hub:
            self._close(hub)

    def count_of(self, user_id: int) -> int:
        """How many sockets one person has open in this process."""
        return sum(socket.user_id == user_id for socket in self._sockets())

    def _sockets(self) -> Iterator[Socket]:
        for hub in self._hubs.values():
            yield from hub.sockets

    def _close(self, hub: Hub) -> None:
        hub.end()
        del self._hubs[hub.conversation_id]
        broadcast.unlisten(hub.conversation_id)
        if not self._hubs and self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    # ---- The tick

    async def _keep_ticking(self) -> None:
        while True:
            await asyncio.sleep(settings.TICK_SECONDS)
            try:
                await self.tick(asyncio.get_running_loop().time())
            except Exception:
                logger.exception("the tick of open rooms failed; rooms=%d", len(self._hubs))

    async def tick(self, now: float) -> None:
        """One look at the counters of all open rooms; and now and then at the sessions of their sockets.

        `now` is monotonic, in seconds.
        """
        if now - self._sessions_read_at >= settings.SESSION_SECONDS - settings.TICK_SECONDS:
            self._sessions_read_at = now
            await self._check_sessions()
        asked = dict(self._hubs)  # a hub that is made during the reading was not asked about
        pulses = await in_database(reading.pulses, list(asked))
        for conversation_id, hub in asked.items():
            pulse = pulses.get(conversation_id)
            if pulse is None:
                hub.end(NO_SUCH_ROOM)
            else:
                hub.tick(pulse.revision, pulse.epoch)
        if any(pulse.round_waits for pulse in pulses.values()):
            dispatch.round_waits()

    async def _check_sessions(self) -> None:
        looked_at = list(self._sockets())
        holding = await in_database(sessions.holding, {socket.session_key for socket in looked_at})
        for socket in looked_at:
            if holding.get(socket.session_key) != socket.user_id:
                socket.outbox.close(SIGNED_OUT)


hubs = Hubs()
