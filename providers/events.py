"""What comes out: the events of one answer, the same for every service.

An answer is any number of texts, then its usage if the service tells it, then exactly one Finished. An answer that
does not come to its end raises a ProviderError instead.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

REPLACEMENT = "\ufffd"

_UNCLEAN = re.compile("[\0\r\ud800-\udfff]")


def clean_text(text: str) -> str:
    """Text that every database and browser takes: no NUL, no half of a surrogate pair, LF as the only line end."""
    if not _UNCLEAN.search(text):
        return text
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\0", REPLACEMENT).replace("\r\n", "\n").replace("\r", "\n")


class TextCleaner:
    """Cleans a text that comes in pieces: a CRLF or a surrogate pair may be cut in two."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        if not self._held and not _UNCLEAN.search(piece):
            return piece
        piece, self._held = self._held + piece, ""
        if piece and (piece[-1] == "\r" or "\ud800" <= piece[-1] <= "\udbff"):
            piece, self._held = piece[:-1], piece[-1]
        return clean_text(piece)

    def close(self) -> str:
        """What was held back because its other half might have come."""
        rest, self._held = self._held, ""
        return clean_text(rest)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer."""

    text: str

    def __post_init__(self) -> None:
        if _UNCLEAN.search(self.text):
            object.__setattr__(self, "text", clean_text(self.text))


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next piece of what the model thinks before it answers."""

    text: str

    def __post_init__(self) -> None:
        if _UNCLEAN.search(self.text):
            object.__setattr__(self, "text", clean_text(self.text))


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens the service counted. `cached` and `cache_write` are parts of `input`, `reasoning` of `output`.

    `cost` is USD, only where the service says what it charged.
    """

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What the service says is left: requests, tokens, and the seconds until both are full again."""

    requests: int | None = None
    tokens: int | None = None
    reset: float | None = None


@dataclass(frozen=True, slots=True)
class ParameterRefused:
    """The service does not take this field of ours; the request was sent again without it."""

    name: str


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    REFUSED = "refused"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Finished:
    """The service's own mark that the answer is whole. `model` is what it says has answered."""

    reason: FinishReason
    model: str = ""


type StreamEvent = TextDelta | ReasoningDelta | Usage | RateLimits | ParameterRefused | Finished
