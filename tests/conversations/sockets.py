"""Pages of a room as a test sees them: real sockets through the site's own stack, and rows that change under them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from chimera_site.models import User
from conversations import broadcast, markdown
from conversations.actions.change import change
from conversations.actions.messages import post_message
from conversations.broadcast import ReplyEvent
from conversations.choices import MessageKind, VersionState
from conversations.hub import Hub, hubs
from conversations.models import Conversation, Message, Participant, Version
from conversations.routing import websocket_urlpatterns
from providers.database import in_database

SECONDS = 20
"""How long a test waits for a frame before it fails."""


class Page:
    """One page's socket."""

    def __init__(self, room: Conversation, cookie: str = "") -> None:
        headers = [(b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode())] if cookie else []
        stack = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        self.wire = WebsocketCommunicator(stack, f"/ws/c/{room.key}/", headers=headers)

    async def open(self) -> None:
        accepted, _ = await self.wire.connect(timeout=SECONDS)
        assert accepted

    async def say(self, **frame: Any) -> None:
        await self.wire.send_to(text_data=json.dumps(frame))

    async def hello(self, revision: int = 0, first: int = 0, last: int | str = "end") -> Any:
        """Say hello; what it brings."""
        await self.say(hello={"revision": revision, "first": first, "last": last})
        return await self.hear()

    async def hear(self) -> Any:
        """The next frame."""
        return json.loads(await self.wire.receive_from(timeout=SECONDS))

    async def closed_with(self) -> int:
        """The code with which the site closes this socket; frames before it are passed over."""
        while True:
            event = await self.wire.receive_output(timeout=SECONDS)
            if event["type"] == "websocket.close":
                return int(event["code"])


def sign_in(user: User) -> str:
    """The key of a new session."""
    client = Client()
    client.force_login(user)
    return client.session.session_key or ""


@asynccontextmanager
async def page(room: Conversation, user: User | None) -> AsyncIterator[Page]:
    """An open socket that has said nothing yet."""
    opened = Page(room, await in_database(sign_in, user) if user else "")
    await opened.open()
    try:
        yield opened
    finally:
        await opened.wire.disconnect(timeout=SECONDS)


@contextmanager
def bells_lost(monkeypatch: Any) -> Iterator[None]:
    """No bell of a change reaches any hub."""
    with monkeypatch.context() as patch:
        patch.setattr("conversations.broadcast.changed", lambda *_, **__: None)
        yield


def speak(room: Conversation, author: Participant, text: str, closed: int = 0, places: int = 1) -> Version:
    """A message whose text streams."""
    with change(room.pk, places=places) as stamp:
        message = Message.objects.create(
            conversation=room,
            sequence=stamp.sequence,
            author=author,
            kind=MessageKind.SPEECH,
            stamped=stamp.revision,
        )
        return Version.objects.create(message=message, state=VersionState.STREAMING, text=text, closed=closed)


def finish(version: Version, html: str) -> None:
    with change(version.message.conversation_id) as stamp:
        Message.objects.filter(pk=version.message_id).update(stamped=stamp.revision)
        Version.objects.filter(pk=version.pk).update(state=VersionState.COMPLETE, html=html, renderer=markdown.RENDERER)


def store(version: Version, text: str, closed: int) -> None:
    """A checkpoint: text moves without a stamp."""
    Version.objects.filter(pk=version.pk).update(text=text, closed=closed)


def said(version: Version, base: int, end: int, closed: str, tail: str) -> ReplyEvent:
    message = version.message
    return ReplyEvent(message.conversation_id, message.sequence, version.pk, base, end, closed, tail)


async def tick(seconds_later: float = 0.0) -> None:
    await hubs.tick(asyncio.get_running_loop().time() + seconds_later)


async def post(author: Participant, text: str) -> Message:
    return await in_database(post_message, author=author, text=text)


async def speaking(room: Conversation, author: Participant, text: str, closed: int = 0) -> Version:
    return await in_database(speak, room, author, text, closed)


def hub_of(room: Conversation) -> Hub:
    return hubs._hubs[room.pk]


async def is_silent(opened: Page, room: Conversation) -> bool:
    """Nothing is on its way to this page: the next frame it hears is one rung after all that came before."""
    broadcast.typing(room.pk, 0)
    while "presence" in (frame := await opened.hear()):
        pass
    return frame == {"typing": {"participant": 0}}
