import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.events import ReasoningDelta, TextCleaner, TextDelta, clean_text

wild = st.text(st.one_of(st.characters(exclude_categories=()), st.sampled_from("\r\n\0\ud83d\ude00")), max_size=30)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("plain ✓ text\n\ttab", "plain ✓ text\n\ttab"),
        ("a\0b", "a\ufffdb"),
        ("a\r\nb\rc\nd\r\r\ne", "a\nb\nc\nd\n\ne"),
        ("\ud83d\ude00", "\U0001f600"),
        ("a\ud83d", "a\ufffd"),
        ("\ude00b", "\ufffdb"),
        ("\ud83dA", "\ufffdA"),
    ],
)
def test_deltas_are_clean_from_the_start(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean
    assert TextDelta(raw).text == clean
    assert ReasoningDelta(raw).text == clean


@given(wild)
def test_clean_text_is_what_databases_take(raw: str) -> None:
    clean = clean_text(raw)
    assert "\0" not in clean
    assert "\r" not in clean
    clean.encode()
    assert clean_text(clean) == clean


@given(st.lists(wild, max_size=8))
def test_pieces_come_out_as_the_whole_would(pieces: list[str]) -> None:
    cleaner = TextCleaner()
    fed = [cleaner.feed(piece) for piece in pieces] + [cleaner.close()]
    assert "".join(fed) == clean_text("".join(pieces))
    assert all(clean_text(piece) == piece for piece in fed)


def test_a_clean_piece_is_not_held_back() -> None:
    cleaner = TextCleaner()
    assert cleaner.feed("a") == "a"
    assert cleaner.feed("b\r") == "b"
    assert cleaner.feed("\nc") == "\nc"
    assert cleaner.close() == ""
