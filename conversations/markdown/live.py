"""A text that grows -> HTML, block by block: what is finished is rendered once, only the open block again and again."""

from typing import NamedTuple

from .cuts import find_cut, is_settled, prefix_at, settled_end
from .document import render_source
from .safety import presentable


class Piece(NamedTuple):
    """HTML of a text from the end of the piece before up to offset `end` (characters)."""

    end: int
    html: str


class LiveMarkdown:
    """One text while it streams. May begin in its middle, at an offset that was given out as a piece's `end`.

    A block is closed once a later one has begun on a finished line; one that grows too long is cut. Closed HTML and
    tail, one after the other, are the whole text; only forward references and cut blocks look otherwise than in the
    final render.
    """

    def __init__(self, text: str = "", closed: int = 0) -> None:
        self._text = text
        self._closed = closed
        self._prefix = prefix_at(presentable(text), closed)
        self._looked = -1

    def feed(self, text: str) -> list[Piece]:
        """Take the whole text as it now is; give what has been closed since."""
        self._text = text
        pieces: list[Piece] = []
        while self._advance(pieces):
            pass
        return pieces

    def tail(self) -> str:
        """HTML of what is not closed yet. Its code is not highlighted: that comes with the piece."""
        return render_source(self._open(), highlighted=False, continued=bool(self._prefix))

    def _open(self) -> str:
        return self._prefix + presentable(self._text[self._closed :])

    def _advance(self, pieces: list[Piece]) -> bool:
        source = self._open()
        settled, begun = settled_end(source), len(self._prefix)
        if settled == self._looked and is_settled(source, settled):
            return False
        self._looked = settled
        cut = find_cut(source, settled, begun)
        if cut is None:
            return False
        if cut.at > begun:
            html = render_source(source[: cut.at], highlighted=True, continued=begun > 0)
            self._closed += cut.at - begun
            pieces.append(Piece(self._closed, html))
        self._prefix, self._looked = cut.prefix, -1
        return True


def render_live(text: str, closed: int) -> tuple[str, str]:
    """HTML of a text in mid-stream up to its stored `closed` offset, and of the rest."""
    return render_source(presentable(text[:closed]), highlighted=True), LiveMarkdown(text, closed).tail()
