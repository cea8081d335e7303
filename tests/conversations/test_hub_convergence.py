"""Whatever is lost on the way, a viewer shows a true beginning of the reply at any moment and all of it at the end.

Random replies to viewers who come at random, while a third of all replies and every bell is lost. The seed names the
run. Text stands for its own HTML, so that what a viewer shows can be compared with what was said.
"""

import html
import itertools
import random
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from chimera_site.models import User
from conversations import broadcast, markdown
from conversations.hub import hubs
from conversations.models import Conversation, Participant, Version
from providers.database import in_database
from tests.conversations.sockets import SECONDS, Page, finish, said, sign_in, speak, store

MESSAGE = re.compile(r'<li id="m-1".*?</li>', re.DOTALL)
STATE = re.compile(r'data-state="(\w+)"')
PARTS = re.compile(
    r'class="closed" data-offset="(\d+)">(.*?)</div><div id="tail-\d+" class="tail">(.*?)</div>', re.DOTALL
)
BODY = re.compile(r'<div class="message-body prose" dir="auto">(.*?)</div>', re.DOTALL)


MARKS = itertools.count(1)


class Viewer:
    """What chat.js does with frames, and what then stands on the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.revision = 0
        self.state = ""
        self.offset = 0
        self.closed = ""
        self.tail = ""

    def take(self, frame: dict[str, Any], spoken: str) -> None:
        if "html" in frame and frame["revision"] >= self.revision:
            self.revision = frame["revision"]
            found = MESSAGE.search(frame["html"])
            if found:
                self.place(found[0])
        elif "reply" in frame and self.state == "streaming":
            reply = frame["reply"]
            assert self.offset in (reply["base"], reply["next"])
            self.closed += reply["closed"]
            self.offset, self.tail = reply["next"], reply["tail"]
        if self.state == "streaming":
            assert self.closed == spoken[: self.offset]
            assert spoken.startswith(self.closed + self.tail)

    def place(self, message: str) -> None:
        self.state = STATE.search(message)[1]  # type: ignore[index]
        if self.state == "streaming":
            offset, closed, tail = PARTS.search(message).groups()  # type: ignore[union-attr]
            self.offset, self.closed, self.tail = int(offset), html.unescape(closed), html.unescape(tail)
        else:
            self.closed, self.tail = html.unescape(BODY.search(message)[1]), ""  # type: ignore[index]

    async def settle(self, room: Conversation, spoken: str) -> None:
        """Take all that is on its way: the mark is rung after it."""
        mark = next(MARKS)
        broadcast.typing(room.pk, mark)
        while (frame := await self.page.hear()) != {"typing": {"participant": mark}}:
            self.take(frame, spoken)


class Speaker:
    """A reply with its checkpoints, as replies/ sends it."""

    def __init__(self, version: Version, dice: random.Random) -> None:
        self.version = version
        self.dice = dice
        self.text = version.text
        self.stored = self.sent = 0

    async def step(self) -> None:
        self.text += "".join(self.dice.choices("abc <&\n", k=self.dice.randrange(12)))
        if self.dice.random() < 0.3:
            closed = self.dice.randrange(self.stored, len(self.text) + 1)
            await in_database(store, self.version, self.text, closed)
            self.stored = closed
        base, self.sent = self.sent, self.stored
        event = said(self.version, base, self.sent, self.text[base : self.sent], self.text[self.sent :])
        if self.dice.random() > 0.3:
            broadcast.reply(event)


@asynccontextmanager
async def viewer(room: Conversation, cookie: str, spoken: str) -> AsyncIterator[Viewer]:
    page = Page(room, cookie)
    await page.open()
    fresh = Viewer(page)
    fresh.take(await page.hello(), spoken)
    try:
        yield fresh
    finally:
        await page.wire.disconnect(timeout=SECONDS)


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(3))
async def test_every_viewer_converges(
    seed: int, room: Conversation, alice: User, owner: Participant, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TICK_SECONDS = 3_600
    monkeypatch.setattr(
        markdown, "render_live", lambda text, closed: (html.escape(text[:closed]), html.escape(text[closed:]))
    )
    monkeypatch.setattr(broadcast, "changed", lambda *_, **__: None)
    dice = random.Random(seed)
    cookie = await in_database(sign_in, alice)
    speaker = Speaker(await in_database(speak, room, owner, "Begun. "), dice)
    async with AsyncExitStack() as stack:
        viewers: list[Viewer] = []
        for _ in range(60):
            if len(viewers) < 5 and dice.random() < 0.2:
                viewers.append(await stack.enter_async_context(viewer(room, cookie, speaker.text)))
            await speaker.step()
            if dice.random() < 0.2:
                await hubs.tick(dice.random())
            if dice.random() < 0.5:
                for one in viewers:
                    await one.settle(room, speaker.text)
        assert viewers
        whole = speaker.text
        await in_database(finish, speaker.version, html.escape(whole))
        await speaker.step()
        await hubs.tick(0.0)
        for one in viewers:
            await one.settle(room, speaker.text)
            assert (one.state, one.closed) == ("complete", whole)
