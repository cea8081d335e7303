"""Names that a model puts before its words, or before words it makes up for others, taken out while they stream."""

# ruff: noqa: RUF001 - look-alikes are the matter of this file

import re
import unicodedata
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from .tags import one_line

_MARKS = "*_`"
_WIDE_COLONS = "：﹕︰꞉∶"
_COLONS = f":{_WIDE_COLONS}"
_OPENING, _CLOSING = "[⟦【［〔<「", "]⟧】］〕>」"

_LEAD = re.compile(
    r"[\u200b-\u200f\u2060\ufeff]{0,3}"  # invisible
    r"(?:#{1,6}|[—–])? {0,2}"  # a heading, a dash of dialogue
    rf"[{_MARKS}]{{0,3}}[{re.escape(_OPENING)}]?[{_MARKS}]{{0,3}}"
)
_LONGEST_LEAD = 3 + 6 + 2 + 3 + 1 + 3
# Behind a name: what makes it a tag once one more character has come (a link or a URL is none), and what still may.
_BRACKETED = re.compile(rf"[{_MARKS}]{{0,3}}[{re.escape(_CLOSING)}](?=[^(])")
_BRACKETED_SO_FAR = re.compile(rf"[{_MARKS}]{{0,3}}[{re.escape(_CLOSING)}]?")
_COLONED = re.compile(rf"[{_MARKS}]{{0,3}}[ \u00a0\u202f]?(?::(?=[^/:\d])|[{_WIDE_COLONS}](?=[\s\S]))")
_COLONED_SO_FAR = re.compile(rf"[{_MARKS}]{{0,3}}[ \u00a0\u202f]?[{_COLONS}]?")
_WORD_END = re.compile(r"(?=\W)")
_WORD_END_SO_FAR = re.compile(r"")


class _Mark(Enum):
    """What the beginning of a line is."""

    TEXT = auto()
    UNDECIDED = auto()
    OWN = auto()
    OTHER = auto()
    PASS = auto()


class _Reading(NamedTuple):
    """A mark, where it ends, and the characters that belong to it where they follow."""

    mark: _Mark
    end: int = 0
    trail: str = ""


class EchoStripper:
    """Pass on a reply without its speaker's own tags; end it at another's.

    A tag is a name that opens a line, in brackets or with a colon behind it, in whatever decoration. Text is held back
    only while it can still become one (white space until the word behind it), and is looked at character by
    character, so that the chunks in which it comes make no difference. `mid_line`: the reply goes on in a line begun.
    """

    def __init__(
        self, own: str, others: Sequence[str], pass_token: str | None = None, *, mid_line: bool = False
    ) -> None:
        self.ended = False
        known = {_fold(one_line(name)): _Mark.OTHER for name in others}
        known[_fold(one_line(own))] = _Mark.OWN
        known[_fold(pass_token or "")] = _Mark.PASS
        self._known = sorted(((name, mark) for name, mark in known.items() if name), key=lambda one: -len(one[0]))
        self._firsts = {name[0] for name, _ in self._known}
        self._mid_line = self._shown = mid_line
        self._token_seen = False
        self._space: list[str] = []
        self._line = ""
        self._trail = ""
        self._after_tag = False

    @property
    def passed(self) -> bool:
        """Whether the pass token is all there is."""
        return self._token_seen and not self._shown

    def feed(self, text: str) -> str:
        """Take text, return what may be shown by now."""
        shown = []
        position = 0
        while position < len(text) and not self.ended:
            if self._mid_line:
                end = text.find("\n", position)
                self._mid_line = end < 0
                shown.append(text[position:] if end < 0 else text[position:end])
                position = len(text) if end < 0 else end
            else:
                shown.append(self._take(text[position]))
                position += 1
        return "".join(shown)

    def close(self) -> str:
        """The reply is over: return what was held back and is no tag."""
        return self.feed("\n")

    def _take(self, char: str) -> str:
        if not self._line and self._holds(char):
            return ""
        self._line += char
        reading = self._read(self._line)
        if reading.mark is _Mark.UNDECIDED:
            return ""
        return self._release() if reading.mark is _Mark.TEXT else self._drop(reading)

    def _holds(self, char: str) -> bool:
        """Between lines: keep white space for the word behind it, and drop what trails a tag."""
        if char in self._trail:
            self._trail = self._trail.replace(char, "", 1)
            return True
        if char.isspace():
            self._space += [] if self._after_tag else [char]
            return True
        return False

    def _release(self) -> str:
        space = "".join(self._space)
        if not self._shown:
            space = space.rpartition("\n")[2]
        line, newline, _ = self._line.partition("\n")
        self._line, self._space, self._trail = "", [newline], ""
        self._mid_line, self._shown, self._after_tag = not newline, True, False
        return space + line

    def _drop(self, reading: _Reading) -> str:
        following, self._line = self._line[reading.end :], ""
        self._space = list("".join("".join(self._space).rpartition("\n")[:2]))
        self._trail, self._after_tag = reading.trail, True
        self._token_seen |= reading.mark is _Mark.PASS
        self.ended = reading.mark is _Mark.OTHER
        return "" if self.ended else self._take(following)

    def _read(self, line: str) -> _Reading:
        """Read the beginning of a line: the longest name that it is, or can become."""
        starts = [at for at in range(min(len(line), _LONGEST_LEAD) + 1) if _LEAD.fullmatch(line, 0, at)]
        if not any(at == len(line) or _fold(line[at])[0] in self._firsts for at in starts):
            return _Reading(_Mark.TEXT)
        for name, mark in self._known:
            for start in starts:
                reading = _read_at(line, start, name, mark)
                if reading.mark is not _Mark.TEXT:
                    return reading
        return _Reading(_Mark.TEXT)


def _read_at(line: str, start: int, name: str, mark: _Mark) -> _Reading:
    end = _end_of_name(line, start, name)
    if end is None:
        return _Reading(_Mark.TEXT)
    lead = line[:start]
    if mark is _Mark.PASS:
        whole, so_far, trail = _WORD_END, _WORD_END_SO_FAR, ".!"
    elif any(char in _OPENING for char in lead):
        whole, so_far, trail = _BRACKETED, _BRACKETED_SO_FAR, _COLONS
    else:
        whole, so_far, trail = _COLONED, _COLONED_SO_FAR, ""
    if so_far.fullmatch(line, end):
        return _Reading(_Mark.UNDECIDED)
    tail = whole.match(line, end)
    if tail is None:
        return _Reading(_Mark.TEXT)
    still_open = _marks(lead)[len(_marks(tail[0])) :]
    return _Reading(mark, tail.end(), trail + still_open)


def _marks(text: str) -> str:
    return "".join(char for char in text if char in _MARKS)


def _end_of_name(line: str, start: int, name: str) -> int | None:
    """Where the name that begins there ends; the line's end while it may go on, None where it is another word."""
    read = ""
    for end in range(start, len(line)):
        if read == name:
            return end
        read += _fold(line[end])
        if not name.startswith(read):
            return None
    return len(line)


def _fold(text: str) -> str:
    """Letters as they are compared: one by one, so that a text can be folded while it comes."""
    if text.isascii():
        return text.casefold()
    return "".join(unicodedata.normalize("NFKD", char.casefold()) for char in text)
