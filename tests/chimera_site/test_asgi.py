import asyncio

import pytest
from channels.testing import WebsocketCommunicator

from chimera_site import asgi

SOMEWHERE = "/ws/c/00000000-0000-7000-8000-000000000000/"


class Steps:
    """A runner that only counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[str] = []
        monkeypatch.setattr(asgi.runner, "start", self.step("start"))
        monkeypatch.setattr(asgi.runner, "drain", self.step("drain"))
        monkeypatch.setattr(asgi.broadcast, "bye", lambda: self.taken.append("bye"))
        monkeypatch.setattr(asgi, "PARTING_SECONDS", 0)

    def step(self, name: str):
        async def take() -> None:
            self.taken.append(name)

        return take


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "origin",
    [
        None,
        b"null",
        b"http://evil.example",
        b"https://127.0.0.1:8000",
        b"http://127.0.0.1",
        b"http://127.0.0.1:8001",
        b"http://127.0.0.1.evil.example:8000",
        b"http://evil.example/http://127.0.0.1:8000",
    ],
)
async def test_b1_a_socket_from_elsewhere_is_refused(origin: bytes | None) -> None:
    headers = [] if origin is None else [(b"origin", origin)]
    communicator = WebsocketCommunicator(asgi.router, SOMEWHERE, headers=headers)
    connected, _ = await communicator.connect()
    assert not connected


@pytest.mark.asyncio
async def test_the_runner_starts_with_the_first_request_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, process = Steps(monkeypatch), asgi.Process()
    await asyncio.gather(process.start(), process.start())
    assert steps.taken == ["start"]


@pytest.mark.asyncio
async def test_a_server_with_lifespan_starts_and_drains(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(monkeypatch)
    monkeypatch.setattr(asgi, "process", asgi.Process())
    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent = []

    async def receive():
        return next(events)

    async def send(message):
        sent.append(message["type"])

    await asgi.application({"type": "lifespan"}, receive, send)
    assert steps.taken == ["start", "drain", "bye"]
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.asyncio
async def test_asked_twice_it_drains_once(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, process = Steps(monkeypatch), asgi.Process()
    await asyncio.gather(process.drain(), process.drain())
    assert steps.taken == ["drain", "bye"]
