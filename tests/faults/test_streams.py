"""Ten rooms that stream at once at 50 tokens a second, each seen over a real socket: complete and exact."""

import asyncio
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websockets

from conversations.markdown import render
from providers.adapters.rehearsal import Script, answer_tokens
from tests.serving import Site, Visitor, make_rooms, site, stored_messages

ROOMS, TOKENS = 10, 200
MODEL = f"pace=50 text=markdown tokens={TOKENS}"
STREAMING = re.compile(r'id="closed-\d+"[^>]*data-offset="(\d+)">(.*?)</div><div id="tail-', re.DOTALL)


def words(html: str) -> str:
    return "".join(re.sub(r"<[^>]*>", "", html).split())


@dataclass
class Viewer:
    """A page: takes fragments and replies as chat.js does."""

    have: int = 0
    closed: str = ""
    states: list[str] = field(default_factory=list)
    final: str = ""
    gaps: int = 0

    def take(self, frame: dict[str, Any]) -> None:
        html = str(frame.get("html", ""))
        if 'id="m-2"' in html:
            self._place(html[html.index('id="m-2"') :])
        if "reply" in frame:
            self._append(frame["reply"])

    def _place(self, message: str) -> None:
        begun = STREAMING.search(message)
        if begun is None:
            self.final = message
        else:
            self.have, self.closed = int(begun[1]), begun[2]

    def _append(self, reply: dict[str, Any]) -> None:
        if reply["base"] == self.have:
            self.closed += reply["closed"]
        elif reply["next"] != self.have:
            self.gaps += 1
        self.have = reply["next"]
        self.states.append(words(self.closed + reply["tail"]))


async def watch(ada: Visitor, room: str) -> Viewer:
    viewer = Viewer()
    async with websockets.connect(
        f"ws://127.0.0.1:{ada.site.port}/ws/c/{room}/",
        origin=ada.site.url,
        additional_headers={"Cookie": ada.cookie_header},
        max_size=None,
        proxy=None,
    ) as socket:
        await socket.send(json.dumps({"hello": {"revision": 0, "first": 0, "last": "end"}}))
        status, _, _ = await asyncio.to_thread(ada.send, f"/c/{room}/messages/", {"text": "Go"})
        assert status == 204
        async with asyncio.timeout(60):
            while not viewer.final:
                viewer.take(json.loads(await socket.recv()))
    return viewer


def test_ten_rooms_at_once(tmp_path: Path) -> None:
    with site(tmp_path / "var") as running:
        ada = Visitor(running)
        ada.found_site()
        rooms = make_rooms(running, MODEL, rooms=ROOMS)

        async def all_of_them() -> list[Viewer]:
            return await asyncio.gather(*(watch(ada, room) for room in rooms))

        viewers = asyncio.run(all_of_them())
        expected = "".join(answer_tokens(Script(text="markdown", tokens=TOKENS), ())).strip()
        for room, viewer in zip(rooms, viewers, strict=True):
            check(running, room, viewer, expected)


def check(running: Site, room: str, viewer: Viewer, expected: str) -> None:
    _, reply = stored_messages(running, room)
    assert (reply["state"], reply["text"]) == ("complete", expected)
    assert render(expected).strip() in viewer.final
    assert viewer.gaps == 0
    assert len(set(viewer.states)) > 20
    whole = words(render(expected))
    assert all(whole.startswith(state[:-40]) for state in viewer.states)
