"""Thoughts that stand inside the answer, between <think> and </think>."""

from enum import Enum, auto

OPENING = "<think>"
CLOSING = "</think>"
LONGEST_BLANK = 1000  # characters of white space an opening may hide behind


class _Place(Enum):
    START = auto()
    THOUGHT = auto()
    GAP = auto()
    ANSWER = auto()


class ThoughtSplitter:
    """Tells thoughts from answer while both stream, whatever way the tags are cut.

    Thoughts come first or not at all: a tag that stands later is part of the answer. Some servers open the tag
    themselves and send only its end: `within_thought` says so.
    """

    def __init__(self, *, within_thought: bool = False) -> None:
        self._place = _Place.THOUGHT if within_thought else _Place.START
        self._held = ""

    @property
    def settled(self) -> bool:
        """Whether all that follows is answer."""
        return self._place is _Place.ANSWER

    def feed(self, text: str) -> tuple[str, str]:
        """What became clear: (thought, answer)."""
        if self._place is _Place.ANSWER:
            return "", text
        self._held += text
        thought = ""
        if self._place is _Place.START:
            self._look_for_opening()
        if self._place is _Place.THOUGHT:
            thought = self._take_thought()
        if self._place is _Place.GAP and (answer := self._held.lstrip()):
            self._held = answer
            self._place = _Place.ANSWER
        return thought, self._release() if self._place is _Place.ANSWER else ""

    def close(self) -> tuple[str, str]:
        """What was held back because it could have become a tag."""
        held = self._release()
        return (held, "") if self._place is _Place.THOUGHT else ("", held if self._place is _Place.START else "")

    def _look_for_opening(self) -> None:
        begun = self._held.lstrip()
        if begun.startswith(OPENING):
            self._held = begun.removeprefix(OPENING)
            self._place = _Place.THOUGHT
        elif not OPENING.startswith(begun) or len(self._held) > LONGEST_BLANK:
            self._place = _Place.ANSWER

    def _take_thought(self) -> str:
        thought, tag, rest = self._held.partition(CLOSING)
        if tag:
            self._held = rest
            self._place = _Place.GAP
            return thought
        cut = next((n for n in range(len(CLOSING) - 1, 0, -1) if self._held.endswith(CLOSING[:n])), 0)
        thought = self._held[: len(self._held) - cut]
        self._held = self._held[len(self._held) - cut :]
        return thought

    def _release(self) -> str:
        held, self._held = self._held, ""
        return held
