"""What waits for one socket: sent in order, bounded, never waited for."""

import asyncio

import pytest

from conversations.hub.outbox import Outbox

pytestmark = pytest.mark.asyncio


class Wire:
    """A socket's far end, which may stop reading."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.reads = asyncio.Event()
        self.reads.set()

    async def send(self, frame: str) -> None:
        await self.reads.wait()
        self.sent.append(frame)

    async def close(self, code: int) -> None:
        self.code.set_result(code)


async def until_idle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_frames_are_sent_in_order() -> None:
    wire = Wire()
    outbox = Outbox(wire.send, wire.close)
    for frame in "abc":
        outbox.put(frame)
    await until_idle()
    assert wire.sent == ["a", "b", "c"]
    outbox.stop()


async def test_a_reader_that_stops_is_closed_with_1013_at_the_limit() -> None:
    wire = Wire()
    wire.reads.clear()
    outbox = Outbox(wire.send, wire.close, most=10)
    outbox.put("x" * 10)
    await until_idle()
    assert outbox.is_open
    outbox.put("x")
    assert not outbox.is_open
    assert await wire.code == 1013
    outbox.put("more")
    await until_idle()
    assert wire.sent == []


async def test_what_was_read_makes_room_again() -> None:
    wire = Wire()
    outbox = Outbox(wire.send, wire.close, most=10)
    for _ in range(5):
        outbox.put("x" * 10)
        await until_idle()
    assert outbox.is_open
    assert len(wire.sent) == 5
    outbox.stop()


async def test_a_close_drops_what_waits() -> None:
    wire = Wire()
    wire.reads.clear()
    outbox = Outbox(wire.send, wire.close)
    outbox.put("secret")
    outbox.close(4403)
    outbox.close(1013)
    wire.reads.set()
    assert await wire.code == 4403
    assert wire.sent == []


async def test_a_socket_that_is_gone_ends_its_outbox() -> None:
    wire = Wire()

    async def gone(frame: str) -> None:
        raise RuntimeError("the transport is closed")

    outbox = Outbox(gone, wire.close)
    outbox.put("a")
    await until_idle()
    assert not outbox.is_open
    assert not wire.code.done()
