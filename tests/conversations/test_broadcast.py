"""Events: by plain call within the process, bounded and swallowed beyond it."""

import asyncio
import inspect
import threading
from typing import Any

import pytest

from conversations import broadcast
from conversations.broadcast import ReplyEvent

REPLY = ReplyEvent(7, 1, 1, 0, 0, "", "text")


class Ear:
    """A hub that only remembers what it was told, and on which thread."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.heard: list[tuple[Any, ...]] = []
        self.threads: set[int] = set()

    def _note(self, *event: Any) -> None:
        self.heard.append(event)
        self.threads.add(threading.get_ident())

    def changed(self, revision: int, epoch: int) -> None:
        self._note("changed", revision, epoch)

    def reply(self, event: ReplyEvent) -> None:
        self._note("reply", event)

    def typing(self, participant_id: int) -> None:
        self._note("typing", participant_id)

    def presence(self) -> None:
        self._note("presence")

    def bye(self) -> None:
        self._note("bye")


class Layer:
    """A layer to other processes that takes, refuses or never answers."""

    def __init__(self, mood: str = "well") -> None:
        self.mood = mood
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.tried = asyncio.Event()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.tried.set()
        if self.mood == "frozen":
            await asyncio.Event().wait()
        if self.mood == "down":
            raise ConnectionError
        self.sent.append((group, message))


@pytest.fixture(autouse=True)
def _nobody_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "_listeners", {})
    monkeypatch.setattr(broadcast, "lost", 0)


def test_the_list_of_events_is_whole() -> None:
    sent = {name for name, _ in inspect.getmembers(broadcast.Listener, inspect.isfunction) if not name.startswith("_")}
    assert sent == set(broadcast.EVENTS)
    assert all(callable(getattr(broadcast, name)) for name in broadcast.EVENTS)


def test_an_event_that_nobody_hears_costs_nothing() -> None:
    broadcast.changed(7, revision=1, epoch=0)
    broadcast.reply(REPLY)
    broadcast.typing(7, 1)
    broadcast.presence(7)
    broadcast.bye()
    assert not broadcast.has_listeners(7)
    assert broadcast.lost == 0


@pytest.mark.asyncio
async def test_events_reach_the_room_they_are_about() -> None:
    ear, other = Ear(), Ear()
    broadcast.listen(7, ear)
    broadcast.listen(8, other)
    broadcast.reply(REPLY)
    broadcast.typing(7, 3)
    broadcast.presence(7)
    broadcast.bye()
    assert ear.heard == [("reply", REPLY), ("typing", 3), ("presence",), ("bye",)]
    assert other.heard == [("bye",)]
    broadcast.unlisten(7)
    assert not broadcast.has_listeners(7)


@pytest.mark.asyncio
async def test_a_bell_from_another_thread_rings_on_the_loop() -> None:
    ear = Ear()
    broadcast.listen(7, ear)
    await asyncio.to_thread(broadcast.changed, 7, revision=4, epoch=2)
    await asyncio.sleep(0)
    assert ear.heard == [("changed", 4, 2)]
    assert ear.threads == {threading.get_ident()}


def test_a_loop_that_has_ended_is_not_rung() -> None:
    async def make() -> Ear:
        return Ear()

    broadcast.listen(7, asyncio.run(make()))
    broadcast.changed(7, revision=1, epoch=0)


@pytest.mark.asyncio
async def test_other_processes_hear_by_the_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Layer()
    monkeypatch.setattr(broadcast, "get_channel_layer", lambda: layer)
    broadcast.changed(7, revision=4, epoch=2)
    broadcast.reply(REPLY)
    await layer.tried.wait()
    await asyncio.gather(*broadcast._sending)
    assert broadcast.has_listeners(7)
    bell, reply = [message for _, message in layer.sent]
    assert bell == {"type": "room.changed", "conversation": 7, "revision": 4, "epoch": 2}
    assert (reply["type"], reply["tail"]) == ("room.reply", "text")
    assert {group for group, _ in layer.sent} == {"room.7"}


@pytest.mark.parametrize("mood", ["frozen", "down"])
@pytest.mark.asyncio
async def test_a_layer_that_fails_or_freezes_is_counted_and_forgotten(
    mood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, ear = Layer(mood), Ear()
    monkeypatch.setattr(broadcast, "get_channel_layer", lambda: layer)
    monkeypatch.setattr(broadcast, "LAYER_SECONDS", 0.01)
    broadcast.listen(7, ear)
    broadcast.reply(REPLY)
    assert ear.heard == [("reply", REPLY)]
    await layer.tried.wait()
    await asyncio.gather(*broadcast._sending)
    assert broadcast.lost == 1
