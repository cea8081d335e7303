"""From what a model streams to what the room is shown, word for word as it comes."""

from collections.abc import Sequence

from .base import Chair, Perspective, Voice
from .echo import EchoStripper
from .sentences import SentenceLimit
from .system import PASS

SHORT_FORM_SENTENCES = 2


class SpeechFilter:
    """A reply on its way to the room. The caller shows the perspective's opener first."""

    def __init__(self, echo: EchoStripper, limit: SentenceLimit | None) -> None:
        self._echo = echo
        self._limit = limit

    @property
    def ended(self) -> bool:
        """Whether nothing more will be shown, so that the stream can be closed."""
        return self._echo.ended or (self._limit is not None and self._limit.ended)

    @property
    def passed(self) -> bool:
        """Whether the speaker passes; certain once the reply is closed."""
        return self._echo.passed

    def feed(self, text: str) -> str:
        """Take what the model sent, return what may be shown by now."""
        return self._limited(self._echo.feed(text))

    def close(self, cut: bool) -> str:
        """Return the rest to be shown. `cut`: the model was stopped by its token limit."""
        rest = self._limited(self._echo.close())
        return rest + (self._limit.close(cut=cut) if self._limit else "")

    def _limited(self, text: str) -> str:
        return self._limit.feed(text) if self._limit else text


def speech_filter(chair: Chair, roster: Sequence[Voice], perspective: Perspective) -> SpeechFilter:
    """The filter for the reply to this perspective."""
    others = [voice.name for voice in roster if voice.participant != chair.voice.participant]
    token = PASS if perspective.may_pass else None
    echo = EchoStripper(chair.voice.name, others, token, mid_line=bool(perspective.opener))
    short = perspective.template == "short"
    return SpeechFilter(echo, SentenceLimit(SHORT_FORM_SENTENCES, said=perspective.opener) if short else None)
