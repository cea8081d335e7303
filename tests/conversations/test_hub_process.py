"""The tick of all open rooms."""

from typing import Any

import pytest

from conversations.hub import process
from conversations.hub.process import Hubs
from conversations.hub.reading import Pulse


class Open:
    """A hub, as far as the tick knows it."""

    def __init__(self) -> None:
        self.sockets: set[Any] = set()
        self.ended: list[int] = []
        self.ticked: list[int] = []

    def end(self, code: int) -> None:
        self.ended.append(code)

    def tick(self, revision: int, epoch: int) -> None:
        self.ticked.append(revision)


@pytest.mark.asyncio
async def test_a_room_opened_while_the_counters_are_read_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    hubs, early, late, gone = Hubs(), Open(), Open(), Open()
    open_now: dict[int, Any] = {1: early, 2: gone}
    monkeypatch.setattr(hubs, "_hubs", open_now)

    async def answer(look: Any, asked: Any) -> Any:
        if look is process.sessions.holding:
            return {}
        open_now[3] = late
        return {1: Pulse(5, 0, round_waits=False)}

    monkeypatch.setattr(process, "in_database", answer)
    await hubs.tick(now=0.0)
    assert (early.ticked, early.ended) == ([5], [])
    assert gone.ended == [4404]
    assert (late.ticked, late.ended) == ([], [])
