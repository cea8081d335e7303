"""The site as an ASGI application: pages, sockets, and the runner that lives and ends with the process.

uvicorn announces the process's birth and end by lifespan events. Daphne does not: there the runner starts with the
first request, which the start program makes itself, and drains when the reactor shuts down.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera_site.settings")
pages = get_asgi_application()  # before anything that needs the models

from django.conf import settings  # noqa: E402

from conversations import broadcast, runner  # noqa: E402
from conversations.routing import websocket_urlpatterns  # noqa: E402
from providers import database, http  # noqa: E402

PARTING_SECONDS = 0.2
"""What the last frames have to reach their sockets."""

type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]

router = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": OriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)), settings.ORIGINS),
    }
)


class Process:
    """The part of the site that there is once in a process."""

    def __init__(self) -> None:
        self._started = False
        self._end: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._started:
            return
        self._started = True
        self._drain_with_reactor()
        await runner.start()

    def drain(self) -> asyncio.Task[None]:
        """Save what streams, tell the viewers, let go of the providers; asked twice, it is still done once."""
        if self._end is None:
            self._end = asyncio.ensure_future(self._drain())
        return self._end

    async def _drain(self) -> None:
        await runner.drain()
        broadcast.bye()
        await asyncio.sleep(PARTING_SECONDS)
        await http.close_clients()
        await asyncio.to_thread(database.close)

    def _drain_with_reactor(self) -> None:
        reactor = sys.modules.get("twisted.internet.reactor")
        if reactor is not None and getattr(reactor, "running", False):
            from twisted.internet.defer import Deferred

            reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromFuture(self.drain()))


process = Process()


async def application(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    await process.start()
    await router(scope, receive, send)


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        await (process.start() if event == "lifespan.startup" else process.drain())
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
