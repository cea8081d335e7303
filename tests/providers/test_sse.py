from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import StreamInterrupted
from providers.wire import sse
from providers.wire.sse import SSEEvent, SSEParser


def read(*chunks: bytes) -> list[SSEEvent]:
    parser = SSEParser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events + parser.close()


def data(*chunks: bytes) -> list[bytes]:
    return [event.data for event in read(*chunks)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [b"a", b"b", b"c"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\n\n", [b""]),
        (b"data:\n\n", [b""]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbf\n\n\ndata: a\n\n", [b"a"]),
        (b": keep-alive\n\n: keep-alive\n\ndata: a\n: in between\n\n", [b"a"]),
        (b"id: 1\nretry: 5\nunknown: x\ndata: a\n\n", [b"a"]),
        (b"event: ping\n\n", []),
        (b"\n\n\n", []),
        (b"", []),
        (b"data: a", [b"a"]),
        (b"data: a\n", [b"a"]),
        (b"data: a\n\ndata: b", [b"a", b"b"]),
        (
            "data: a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\n\n".encode(),
            ["a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg".encode()],
        ),
    ],
)
def test_what_counts_as_an_event(stream: bytes, expected: list[bytes]) -> None:
    assert data(stream) == expected


def test_an_event_has_a_name_and_the_next_one_has_not() -> None:
    assert read(b"event: error\ndata: a\n\ndata: b\n\n") == [SSEEvent("error", b"a"), SSEEvent("", b"b")]


def test_a_field_called_error_is_an_event_of_that_name() -> None:
    assert read(b'error: {"code":500}\n\n') == [SSEEvent("error", b'{"code":500}')]


def test_an_event_is_there_as_soon_as_its_blank_line_is() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: a\r\n\r") == [SSEEvent("", b"a")]
    assert parser.feed(b"\ndata: b\r\n\r\n") == [SSEEvent("", b"b")]


SPECIMEN = (
    '\ufeff: hello\r\ndata: {"a":"\U0001f600\u2028"}\r\n\r\nevent: x\rdata: 1\ndata: 2\r\r\n:\n\ndata: last'.encode()
)


def test_cut_at_every_place_it_reads_the_same() -> None:
    whole = read(SPECIMEN)
    assert len(whole) == 3
    for cut in range(len(SPECIMEN) + 1):
        assert read(SPECIMEN[:cut], SPECIMEN[cut:]) == whole
    assert read(*(SPECIMEN[i : i + 1] for i in range(len(SPECIMEN)))) == whole


fragments = st.sampled_from(
    [b"data: ", b"data:", b"event: e", b": c", b"\n", b"\r", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"x"]
)
streams = st.lists(st.one_of(fragments, st.binary(max_size=8)), max_size=30).map(b"".join)


@given(stream=streams, cuts=st.lists(st.integers(0, 300), max_size=12))
def test_any_chunking_of_the_same_bytes_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cut for cut in cuts if cut <= len(stream)), len(stream)]
    chunks = [stream[start:end] for start, end in pairwise(places)]
    assert read(*chunks) == read(stream)


def test_a_line_without_end_is_refused() -> None:
    parser = SSEParser()
    piece = b"x" * 100_000
    for _ in range(sse.MAX_LINE // len(piece)):
        assert parser.feed(piece) == []
    assert parser.within_line
    with pytest.raises(StreamInterrupted):
        parser.feed(piece)


def test_an_event_without_end_is_refused() -> None:
    parser = SSEParser()
    line = b"data: " + b"x" * 900_000 + b"\n"
    for _ in range(sse.MAX_EVENT // len(line)):
        assert parser.feed(line) == []
    with pytest.raises(StreamInterrupted):
        parser.feed(line)


def test_an_event_of_empty_lines_without_end_is_refused() -> None:
    parser = SSEParser()
    for _ in range(sse.MAX_EVENT // 100_000):
        assert parser.feed(b"data\n" * 100_000) == []
    with pytest.raises(StreamInterrupted):
        parser.feed(b"data\n")


def test_empty_events_leave_nothing_behind() -> None:
    parser = SSEParser()
    for _ in range(100):
        assert parser.feed(b"\n" * 10_000 + b":\n" * 10_000) == []
    assert not parser.within_line
