"""What goes over a room's socket, both ways. `/since/N` answers with the same frames."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

LONGEST = 4_096
"""Characters of a frame from a page."""

RELOAD: Mapping[str, Any] = {"reload": True}
BYE: Mapping[str, Any] = {"bye": True}


class BadFrame(ValueError):
    """A frame that no page of ours sends."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a log that a page shows, both ends within it; `last` None: to the end, wherever that is."""

    first: int
    last: int | None

    def holds(self, sequence: int) -> bool:
        return self.first <= sequence and (self.last is None or sequence <= self.last)


@dataclass(frozen=True, slots=True)
class Hello:
    """A page is back: it holds the room as of `revision` and shows `window` of it."""

    revision: int
    window: Window


@dataclass(frozen=True, slots=True)
class Moved:
    window: Window


@dataclass(frozen=True, slots=True)
class Typing:
    pass


type Incoming = Hello | Moved | Typing


def encode(frame: Mapping[str, Any]) -> str:
    return orjson.dumps(frame).decode()


def parse(text: str) -> Incoming:
    """What a page says. Raises BadFrame for anything but the three known frames, each with just its own fields."""
    if len(text) > LONGEST:
        raise BadFrame("too long")
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadFrame("not JSON") from error
    if not isinstance(frame, dict) or len(frame) != 1:
        raise BadFrame("not one named frame")
    ((name, body),) = frame.items()
    if name not in READERS:
        raise BadFrame("unknown frame")
    return READERS[name](body)


def _hello(body: object) -> Hello:
    fields = _fields(body, {"revision", "first", "last"})
    return Hello(_count(fields["revision"]), _window(fields))


def _moved(body: object) -> Moved:
    return Moved(_window(_fields(body, {"first", "last"})))


def _typing(body: object) -> Typing:
    if body is not True:
        raise BadFrame("typing is true")
    return Typing()


READERS: Mapping[str, Callable[[object], Incoming]] = {"hello": _hello, "window": _moved, "typing": _typing}


def _fields(body: object, names: set[str]) -> dict[str, object]:
    if not isinstance(body, dict) or set(body) != names:
        raise BadFrame("wrong fields")
    return body


def _window(fields: Mapping[str, object]) -> Window:
    last = fields["last"]
    return Window(_count(fields["first"]), None if last == "end" else _count(last))


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadFrame("not a count")
    return value
