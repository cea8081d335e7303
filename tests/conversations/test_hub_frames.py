"""What a page may say: three frames, each with just its own fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.hub import frames
from conversations.hub.frames import BadFrame, Hello, Moved, Typing, Window, parse

NONSENSE = [
    "",
    "hello",
    "[]",
    "{}",
    "null",
    "[" * 4_000,
    '{"hello": ' * 300,
    '{"hello": {}}',
    '{"hello": {"revision": 0, "first": 0, "last": "end"}, "typing": true}',
    '{"hello": {"revision": "0", "first": 0, "last": "end"}}',
    '{"hello": {"revision": -1, "first": 0, "last": "end"}}',
    '{"hello": {"revision": true, "first": 0, "last": "end"}}',
    '{"hello": {"revision": 1.5, "first": 0, "last": "end"}}',
    '{"hello": {"revision": 0, "first": 0, "last": "start"}}',
    '{"hello": {"revision": 0, "first": 0, "last": "end", "role": "owner"}}',
    '{"window": {"first": 0}}',
    '{"window": []}',
    '{"typing": 1}',
    '{"typing": {"participant": 1}}',
    '{"reply": {}}',
    '{"stop": true}',
    '{"typing": true, "x": "' + "x" * 10_000_000 + '"}',
]


@pytest.mark.parametrize("text", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(BadFrame):
        parse(text)


@given(st.text(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(str))
def test_any_text_is_a_frame_or_refused(text: str) -> None:
    try:
        parse(text)
    except BadFrame:
        return


def test_the_three_frames() -> None:
    assert parse('{"hello": {"revision": 7, "first": 2, "last": "end"}}') == Hello(7, Window(2, None))
    assert parse('{"window": {"first": 2, "last": 9}}') == Moved(Window(2, 9))
    assert parse('{"typing": true}') == Typing()
    assert set(frames.READERS) == {"hello", "window", "typing"}


def test_a_window_holds_both_its_ends() -> None:
    assert [Window(2, 4).holds(place) for place in (1, 2, 4, 5)] == [False, True, True, False]
    assert Window(2, None).holds(2**62)
