"""Server-sent events, read from bytes.

Lines end with LF, CRLF or CR, wherever the chunks are cut, and at no other character: U+2028 may stand in the text
of a model. Memory is bounded whatever is sent.
"""

from typing import NamedTuple

from providers.errors import StreamInterrupted

MAX_LINE = 1_000_000
MAX_EVENT = 4_000_000
BOM = b"\xef\xbb\xbf"


class SSEEvent(NamedTuple):
    """`data` stays bytes: a JSON parser reads them as they are."""

    event: str
    data: bytes


class SSEParser:
    """Feed it chunks as they come; it returns the events they complete. Raises StreamInterrupted past its limits."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []  # of a line whose end has not come
        self._pending = 0
        self._after_return = False
        self._first_line = True
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0

    @property
    def within_line(self) -> bool:
        """Whether a line has begun that has not ended yet."""
        return bool(self._pieces)

    def feed(self, chunk: bytes) -> list[SSEEvent]:
        if self._after_return and chunk:
            self._after_return = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return []
        if b"\n" not in chunk and b"\r" not in chunk:
            self._hold(chunk)
            return []
        if self._pieces:
            self._pieces.append(chunk)
            chunk = b"".join(self._pieces)
            self._pieces.clear()
            self._pending = 0
        lines = chunk.splitlines()
        if chunk.endswith(b"\r"):
            self._after_return = True
        elif not chunk.endswith(b"\n"):
            self._hold(lines.pop())
        return self._take(lines)

    def close(self) -> list[SSEEvent]:
        """The last event, where the server forgot the blank line after it."""
        lines = [b"".join(self._pieces), b""] if self._pieces else [b""]
        self._pieces.clear()
        return self._take(lines)

    def _hold(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._pending += len(piece)
        if self._pending > MAX_LINE:
            raise StreamInterrupted(f"The service sent a line of more than {MAX_LINE} bytes.")

    def _take(self, lines: list[bytes]) -> list[SSEEvent]:
        if self._first_line:
            self._first_line = False
            lines[0] = lines[0].removeprefix(BOM)
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self._add(line[6:] if line.startswith(b" ", 5) else line[5:])
            elif line:
                self._take_field(line)
            else:
                if self._data:
                    events.append(SSEEvent(self._name, b"\n".join(self._data)))
                    self._data = []
                    self._size = 0
                self._name = ""
        return events

    def _take_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._add(value)
        elif name == b"event":
            self._name = value.decode(errors="replace")
        elif name == b"error":  # not of the standard: older llama.cpp servers say so what went wrong
            self._name = "error"
            self._add(value)

    def _add(self, value: bytes) -> None:
        self._size += len(value) + 1
        if len(value) > MAX_LINE or self._size > MAX_EVENT:
            raise StreamInterrupted(f"The service sent an event of more than {MAX_EVENT} bytes.")
        self._data.append(value)
