"""Blocks that close while a text streams: what viewers are shown on the way is what the whole render shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from hypothesis import assume, given, settings

from conversations.markdown import LiveMarkdown, Piece, cuts, document, render, render_live

from .markdown_texts import chunkings, documents, growing, leaves, loses_nothing, ragged, without_colours
from .test_markdown import assert_safe


@contextmanager
def short_blocks() -> Iterator[None]:
    """Blocks are cut after few characters, so that small texts meet every cut."""
    with patch.multiple(cuts, EARLY=30, EARLY_TABLE=40, LONGEST_OPEN=60, MOST_OPEN_LINES=8):
        yield


def stream(text: str, sizes: list[int]) -> tuple[list[Piece], str, LiveMarkdown]:
    live = LiveMarkdown()
    pieces: list[Piece] = []
    for so_far in growing(text, sizes):
        pieces += live.feed(so_far)
        live.tail()
    return pieces, live.tail(), live


@given(documents(leaves | ragged), chunkings)
@settings(max_examples=150, deadline=None)
def test_blocks_and_tail_are_the_whole_render(text: str, sizes: list[int]) -> None:
    assume(len(text) < cuts.EARLY and text.count("\n") < cuts.MOST_OPEN_LINES)
    pieces, tail, _ = stream(text, sizes)
    closed, whole = "".join(piece.html for piece in pieces), render(text)
    assert without_colours(closed + tail) == without_colours(whole)
    assert whole.startswith(closed)


@given(documents(leaves | ragged), chunkings)
@settings(max_examples=60, deadline=None)
def test_a_stored_offset_shows_what_the_stream_shows(text: str, sizes: list[int]) -> None:
    assume(len(text) < cuts.EARLY and text.count("\n") < cuts.MOST_OPEN_LINES)
    live, closed, end = LiveMarkdown(), "", 0
    for so_far in growing(text, sizes):
        for piece in live.feed(so_far):
            closed, end = closed + piece.html, piece.end
        assert render_live(so_far, end) == (closed, live.tail())


@given(documents(most=9), chunkings)
@settings(max_examples=150, deadline=None)
def test_cuts_lose_nothing(text: str, sizes: list[int]) -> None:
    with short_blocks():
        live, closed, end = LiveMarkdown(), "", 0
        for so_far in growing(text, sizes):
            pieces = live.feed(so_far)
            for piece in pieces:
                assert piece.end > end
                closed, end = closed + piece.html, piece.end
            if pieces or so_far == text:
                stored, rest = render_live(so_far, end)
                whole = render(so_far)
                assert loses_nothing(whole, closed + live.tail())
                assert loses_nothing(whole, stored + rest)
        assert_safe(closed + live.tail())


REPLY = (
    "## Rivers\n\nA paragraph that speaks of **stone** and `water`, with a [link](https://a.example/b) in it.\n\n"
    "```python\ndef flow(speed: int) -> str:\n    return f'{speed}'  # metres\n```\n\n"
    "1. the first\n2. the second, which is longer\n   - and has an inner one\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n> said before\n\n"
)


def count_rendered(text: str, chunks: int) -> tuple[list[int], list[int]]:
    """Lengths of all sources that are rendered for pieces, and for tails."""
    closed: list[int] = []
    tails: list[int] = []

    def counting(source: str, *, highlighted: bool, continued: bool = False) -> str:
        (closed if highlighted else tails).append(len(source))
        return document.render_source(source, highlighted=highlighted, continued=continued)

    with patch("conversations.markdown.live.render_source", counting):
        stream(text, [len(text) // chunks])
    return closed, tails


def test_a_finished_block_is_rendered_once_and_a_tail_is_short() -> None:
    text = REPLY * 66
    assert len(text) > 19_000
    closed, tails = count_rendered(text, 500)
    assert sum(closed) <= len(text)
    assert max(tails) < 300
    assert sum(tails) < 10 * len(text)


def test_cost_grows_with_length_alone() -> None:
    one, two = (sum(map(sum, count_rendered(REPLY * times, 250 * times // 20))) for times in (20, 40))
    assert two < 2.2 * one


def test_a_long_block_is_cut() -> None:
    fence = "```python\n" + "value = 1  # a line of it\n" * 200
    items = "".join(f"- item {number} of a long list\n" for number in range(200))
    rows = "| a | b |\n|---|---|\n" + "| one | two |\n" * 400
    prose = "word " * 3_000
    for text, longest in (
        (fence, cuts.EARLY),
        (items, cuts.EARLY),
        (rows, cuts.EARLY_TABLE),
        (prose, cuts.LONGEST_OPEN),
    ):
        closed, tails = count_rendered(text, 300)
        assert max(tails) < longest + 100
        assert sum(closed) < 1.1 * len(text)


def test_a_cut_fence_goes_on_as_code() -> None:
    live = LiveMarkdown()
    (piece,) = live.feed("```python\n" + "x = 1\n" * 180 + "# y")
    assert piece.html.startswith('<div class="code" data-language="python">')
    assert live.tail() == (
        '<div class="code continued" data-language="python"><pre tabindex="0"><code class="language-python">'
        "x = 1\n# y</code></pre></div>\n"
    )


def test_a_cut_fence_in_an_item_goes_on_as_code() -> None:
    begun = "1. Do this:\n\n   ```python\n" + "   x = 1\n" * 205
    live = LiveMarkdown()
    assert live.feed(begun)
    assert live.feed(begun + "   # y\n   ```\n   and that\n") == []
    assert "# y\n</code>" in live.tail()
    assert "and that" in live.tail()
    assert "<h3>" not in live.tail()


def test_a_cut_table_takes_its_head_along() -> None:
    live = LiveMarkdown()
    (piece,) = live.feed("a | b\n--|--\n" + "one | two and more of it\n" * 90 + "la")
    assert piece.html.count("<tr>") == 90
    assert live.tail().startswith('<div class="table-scroll continued"')
    assert "<td>la</td>" in live.tail()


def test_a_cut_ordered_list_goes_on_counting() -> None:
    live = LiveMarkdown()
    live.feed("".join(f"{number}. item of a long list\n" for number in range(1, 60)))
    assert live.tail().startswith('<ol start="59">')


def test_a_line_without_end_is_cut_after_a_space_or_anywhere() -> None:
    (piece,) = LiveMarkdown().feed("word " * 1_000 + "wor")
    assert piece.end == 5_000
    (piece,) = LiveMarkdown().feed("x" * 5_000)
    assert piece.end == 4_999


def test_the_rest_of_a_cut_line_begins_no_block() -> None:
    text = "word " * 1_000 + "# no heading"
    assert render_live(text, 5_000)[1] == "<p># no heading</p>\n"


def test_a_stored_middle_goes_on_where_it_was() -> None:
    text = "```python\n" + "x = 1\n" * 180 + "```\n\nAfter **it**\n"
    first = LiveMarkdown()
    (piece,) = first.feed(text[:1_050])
    second = LiveMarkdown(text[:1_050], piece.end)
    assert second.tail() == first.tail()
    assert second.feed(text + "\nMore\n") == first.feed(text + "\nMore\n")


def test_an_unfinished_line_closes_nothing_but_long_prose_does() -> None:
    assert LiveMarkdown().feed("1. one\n\n2") == []
    assert LiveMarkdown().feed("one\n\nand then a new paragraph of no more") == []
    assert [piece.end for piece in LiveMarkdown().feed("one\n\nand then a new paragraph of more than forty")] == [5]


def test_offsets_count_what_is_replaced() -> None:
    text = "one\r\n\r\ntwo \ud800\0\r\n\r\nthree\r\n"
    pieces = LiveMarkdown().feed(text)
    assert text[pieces[-1].end :] == "three\r\n"


def test_nothing_is_nothing() -> None:
    assert render_live("", 0) == ("", "")
    assert LiveMarkdown().tail() == ""
