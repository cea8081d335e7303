"""What a viewer holds of a reply, whenever it is sent and whatever was stored meanwhile."""

import re
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations import broadcast, markdown
from conversations.actions.replies import BegunReply
from conversations.replies.live import LiveReply

LINES = st.sampled_from(
    [
        "A paragraph of some words, with *emphasis* and `code`.\n",
        "\n",
        "- a point\n",
        "1. first\n",
        "  - below it\n",
        "```python\n",
        "x = 1\n",
        "```\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
        "> quoted\n",
        "## A head\n",
        "<script>alert(1)</script>\n",
        "x" * 900 + "\n",
        "日本語 and العربية\n",
    ]
)
TEXTS = st.lists(LINES, min_size=1, max_size=30).map("".join)


@dataclass
class Viewer:
    """A page: takes a reply's events as the hub would hand them on."""

    loop: object = None
    have: int = 0
    closed: str = ""
    tail: str = ""
    gaps: list[int] = field(default_factory=list)

    def reply(self, event: broadcast.ReplyEvent) -> None:
        if event.base == self.have:
            self.closed += event.closed
        elif event.next != self.have:
            self.gaps.append(event.base)
        self.have, self.tail = event.next, event.tail


def words(html: str) -> str:
    return "".join(re.sub(r"<[^>]*>", "", html).split())


def play(text: str, cuts: list[int], stores: list[bool], monkeypatch: pytest.MonkeyPatch) -> tuple[Viewer, LiveReply]:
    viewer = Viewer()
    monkeypatch.setattr(broadcast, "has_listeners", lambda _: True)
    monkeypatch.setattr(broadcast, "reply", viewer.reply)
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    reply = LiveReply(1, BegunReply(1, 1, 1), "")
    for number, (start, end) in enumerate(pairwise(places)):
        reply.append(text[start:end])
        if stores[number % len(stores)]:
            reply.stored(reply.snapshot())
        reply.send()
    return viewer, reply


@given(TEXTS, st.lists(st.integers(0, 100_000), max_size=40), st.lists(st.booleans(), min_size=1, max_size=8))
def test_a_viewer_holds_the_whole_text(text: str, cuts: list[int], stores: list[bool]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        viewer, _ = play(text, cuts, stores, monkeypatch)
    assert viewer.gaps == []
    assert words(viewer.closed + viewer.tail) == words(markdown.render(text))


@given(TEXTS, st.lists(st.integers(0, 100_000), max_size=40), st.lists(st.booleans(), min_size=1, max_size=8))
def test_what_counts_as_closed_is_stored(text: str, cuts: list[int], stores: list[bool]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        viewer, reply = play(text, cuts, stores, monkeypatch)
    assert viewer.have <= reply.snapshot().closed
    closed, tail = markdown.render_live(text, viewer.have)
    assert words(closed) == words(viewer.closed)
    assert words(tail) == words(viewer.tail)


def test_nobody_there_nothing_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = LiveReply(1, BegunReply(1, 1, 1), "Some *text*\n\nmore")
    monkeypatch.setattr(markdown.LiveMarkdown, "feed", lambda *_: pytest.fail("rendered for nobody"))
    reply.send()
