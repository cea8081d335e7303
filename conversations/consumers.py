"""The socket of a room: who may have one, and what its page may say over it."""

import logging
from typing import Any

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from conversations import broadcast
from conversations.hub import Hub, Socket, frames, hubs
from conversations.hub.outbox import Outbox
from conversations.hub.process import SIGNED_OUT
from conversations.hub.room import NO_SUCH_ROOM
from conversations.models import Conversation
from providers.database import in_database

logger = logging.getLogger(__name__)

BAD_FRAME, TOO_MANY = 4400, 4429
MOST_SOCKETS = 50
"""Sockets of one person in one process."""

FRAMES_A_SECOND, MOST_AT_ONCE = 20.0, 40.0


class Allowance:
    """How much a page may say: a bucket of frames that fills up with time (monotonic seconds)."""

    def __init__(self, now: float) -> None:
        self._left = MOST_AT_ONCE
        self._at = now

    def take(self, now: float) -> bool:
        self._left = min(MOST_AT_ONCE, self._left + (now - self._at) * FRAMES_A_SECOND)
        self._at = now
        self._left -= 1
        return self._left >= 0


class RoomConsumer(AsyncWebsocketConsumer):
    """Hands a socket to its room's hub and hears what its page says; whatever goes out, the hub sends.

    A refusal is a close with a code of its own after the handshake, since no page can read why a handshake failed:
    4401 signed out, 4403 no longer a member, 4404 no such room for this person, 4400 nonsense, 4429 too much.
    """

    # No layer of that name exists: this socket needs no channel of its own.
    channel_layer_alias = "none"

    hub: Hub | None = None
    socket: Socket

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.hub is not None:
                hubs.leave(self.hub, self.socket)
                broadcast.presence(self.hub.conversation_id)

    async def dispatch(self, message: dict[str, Any]) -> None:
        # The inherited one goes through the ORM's thread with each event.
        match message["type"]:
            case "websocket.connect":
                await self.connect()
            case "websocket.receive":
                await self.hear(message.get("text"))
            case "websocket.disconnect":
                raise StopConsumer

    async def connect(self) -> None:
        await self.accept()
        user, session = self.scope["user"], self.scope["session"]
        if not user.is_authenticated or session.session_key is None:
            await self.close(SIGNED_OUT)
            return
        room = await in_database(_readable_room, user, self.scope["url_route"]["kwargs"]["key"])
        if room is None:
            await self.close(NO_SUCH_ROOM)
        elif hubs.count_of(user.pk) >= MOST_SOCKETS:
            await self.close(TOO_MANY)
        else:
            self.socket = Socket(user.pk, session.session_key, Outbox(self.send, self.close))
            self.hub = hubs.join(room, self.socket)
            self.allowance = Allowance(self.hub.loop.time())

    async def hear(self, text: str | None) -> None:
        """One frame of the page. Binary ones are nonsense."""
        if self.hub is None or not self.socket.outbox.is_open:
            return
        if not self.allowance.take(self.hub.loop.time()):
            self.socket.outbox.close(TOO_MANY)
            return
        try:
            await self.obey(self.hub, frames.parse(text or ""))
        except frames.BadFrame as error:
            logger.info("refused a frame; user=%d why=%s", self.socket.user_id, error)
            self.socket.outbox.close(BAD_FRAME)

    async def obey(self, hub: Hub, frame: frames.Incoming) -> None:
        match frame:
            case frames.Hello(revision, window):
                await hub.hello(self.socket, revision, window)
                broadcast.presence(hub.conversation_id)
            case frames.Moved(window):
                if self.socket.is_listening:  # else its membership has not been read yet
                    self.socket.window = window
            case frames.Typing():
                if self.socket.may_type:
                    broadcast.typing(hub.conversation_id, self.socket.participant_id)


async def nowhere(scope: Any, receive: Any, send: Any) -> None:
    """A socket at an address of nobody: refused before the handshake."""
    await receive()
    await send({"type": "websocket.close", "code": NO_SUCH_ROOM})


def _readable_room(user: Any, key: Any) -> int | None:
    return Conversation.objects.readable_by(user).filter(key=key).values_list("pk", flat=True).first()
