"""Where sentences end: a text cut at its sentences, whole or while it streams."""

# ruff: noqa: RUF001 - look-alikes are the matter of this file

import re

_ENDS = frozenset(".!?…‽؟।")
_WIDE_ENDS = frozenset("。！？｡")
_CLOSERS = frozenset("\"'”’»›)]}*_」』）")
_OPENERS = "\"'“‘«‹([{*_「『（"
_LONGEST_SHORTENED = 16
_ABBREVIATIONS = re.compile(
    r"Mr|Mrs|Ms|Mx|Dr|Prof|St|Sr|Jr|Rev|Hon|Gen|Col|Capt|Lt|Sgt|Mt|vs|cf"
    r"|(?:\w\.)+\w"  # e.g, U.S, J.R.R
)


class SentenceLimit:
    """Pass on a stream until its `count`-th sentence has ended, or the first at the end of a paragraph.

    An end is certain when white space follows it, with or without closing quotes between. What was passed on is never
    taken back; white space waits for the word behind it and becomes one space. `said` is how the text begins: the
    sentence it leaves open is the first to be counted.
    """

    def __init__(self, count: int, said: str = "") -> None:
        self.ended = False
        self._left = self._count = count
        self._words = 0
        self._word = ""
        self._stop = ""
        self._space = ""
        for char in said + " ":
            self._take(char)
        self._space = ""
        self._left = count

    def feed(self, text: str) -> str:
        """Take text, return what may be shown of it."""
        shown = []
        for char in text:
            if self.ended:
                break
            shown.append(self._take(char))
            self.ended = self._left <= 0
        return "".join(shown)

    def close(self, *, cut: bool) -> str:
        """End the stream; where it was `cut` inside of a sentence, an ellipsis says so."""
        begun = self._words > 0 or self._word != ""
        inside = begun and not (self._stop and self._is_end() is not False)
        was_open, self.ended = not self.ended, True
        return "…" if cut and inside and was_open else ""

    def _take(self, char: str) -> str:
        shown = self._take_space(char) if char.isspace() else self._take_visible(char)
        return "" if self._left <= 0 else shown

    def _take_space(self, char: str) -> str:
        if self._stop:
            end = self._is_end()
            if end or (end is None and char == "\n"):
                self._end_sentence()
            elif end is False:
                self._stop = ""
        if self._word:
            self._words, self._word = self._words + 1, ""
        if char == "\n" and self._left < self._count:
            self._left = 0
        self._space = " "
        return ""

    def _take_visible(self, char: str) -> str:
        if self._stop:
            self._go_on_after_stop(char)
        if char in _ENDS or char in _WIDE_ENDS:
            self._stop = (self._stop + char)[-3:]
        elif not (self._stop and char in _CLOSERS):
            self._word = (self._word + char)[:_LONGEST_SHORTENED]
        shown, self._space = self._space + char, ""
        return shown

    def _go_on_after_stop(self, char: str) -> None:
        """Decide what the stop was, now that something visible follows it."""
        if self._space:
            if char.islower():
                self._stop = ""
            else:
                self._end_sentence()
        elif char in _ENDS or char in _WIDE_ENDS or char in _CLOSERS:
            return
        elif self._stop[-1] in _WIDE_ENDS:
            self._end_sentence()
        else:
            self._word, self._stop = self._word + self._stop, ""

    def _end_sentence(self) -> None:
        self._left -= 1
        self._words, self._word, self._stop = 0, "", ""

    def _is_end(self) -> bool | None:
        """Whether the stop before white space ends a sentence; None: the next word will tell."""
        word = self._word.lstrip(_OPENERS)
        if not word and not self._words:
            return False
        if "…" in self._stop or ".." in self._stop:
            return None
        return self._stop != "." or not self._is_shortened(word)

    def _is_shortened(self, word: str) -> bool:
        """An abbreviation, an initial ('I' is a word), or the number of a list item."""
        initial = len(word) == 1 and word.isupper() and word != "I"
        number = word.isdecimal() and not self._words
        return initial or number or _ABBREVIATIONS.fullmatch(word) is not None


def first_sentences(text: str, count: int = 1) -> str:
    """The text up to the end of its `count`-th sentence, in one line."""
    return SentenceLimit(count).feed(" ".join(text.split()))


def last_sentence(text: str) -> str:
    """The last sentence, or the end of a very long one, in one line."""
    rest = sentence = " ".join(text[-1000:].split())
    while rest:
        sentence = first_sentences(rest)
        rest = rest[len(sentence) :].lstrip()
    return sentence
