"""What can go wrong between us and an AI service.

    ProviderError
    ├── MissingKey              no key where the service wants one
    ├── AuthenticationFailed    the key is wrong, withdrawn, or may not do this
    ├── OutOfCredit             no money left with the service
    ├── RateLimitExceeded       asked too often                                     retryable
    ├── ModelNotFound           the model is unknown there, or gone
    ├── RequestRejected         a field of the request is not taken (`parameter`)
    ├── ContextTooLong          more text than the model can hold
    ├── ContentRefused          the service's own rules forbid an answer
    ├── EmptyAnswer             an answer without text, often billed all the same
    ├── ServiceUnavailable      down, overloaded, or not reachable                  retryable
    ├── TimedOut                silent for longer than we wait                      retryable
    ├── StreamInterrupted       the answer broke off before its end mark            retryable
    ├── WrongAddress            the configured address leads elsewhere, or nowhere we may go
    ├── StopLineReached         our own limit of spending
    └── PriceUnknown            our own rule: no call without a price under a limit

`retryable` is the caller's question: may the same request succeed in a moment? Never once text was shown.
"""

from typing import ClassVar

DETAIL_CHARACTERS = 500


class ProviderError(Exception):
    """A call to a model that did not work.

    `detail` is the service's own words, without keys, at most 500 characters. `status` is the HTTP status where
    there was one, `retry_after` the seconds the service asks to wait.
    """

    retryable: ClassVar[bool] = False
    explanation: ClassVar[str] = "The AI service gave no answer. Try again, or choose another model."

    def __init__(self, detail: str = "", *, status: int | None = None, retry_after: float | None = None) -> None:
        self.detail = shortened(detail)
        self.status = status
        self.retry_after = retry_after
        super().__init__(self.detail or self.explanation)

    @property
    def sentence(self) -> str:
        """What happened and what to do, for the people in the room."""
        return self.explanation


class MissingKey(ProviderError):
    explanation = "This AI service needs a key. An administrator can add one in the provider's settings."


class AuthenticationFailed(ProviderError):
    explanation = "The AI service does not accept our key. An administrator can replace it in the provider's settings."


class OutOfCredit(ProviderError):
    explanation = "The account with the AI service has no credit left. Top it up there, or choose another model."


class RateLimitExceeded(ProviderError):
    retryable = True
    explanation = "The AI service is being asked too often. Try again in a moment."

    @property
    def sentence(self) -> str:
        if self.retry_after is None:
            return self.explanation
        return f"The AI service is being asked too often. It asks to wait {waiting(self.retry_after)}."


class ModelNotFound(ProviderError):
    explanation = "The AI service does not know this model (any more). Choose another one for this participant."


class RequestRejected(ProviderError):
    """`parameter` names the field that was not taken, if the service said which."""

    explanation = "The AI service did not take the request as it was sent. The provider's settings may need a change."

    def __init__(
        self,
        detail: str = "",
        *,
        status: int | None = None,
        retry_after: float | None = None,
        parameter: str | None = None,
    ) -> None:
        super().__init__(detail, status=status, retry_after=retry_after)
        self.parameter = parameter

    @property
    def sentence(self) -> str:
        if self.parameter is None:
            return self.explanation
        return f"The AI service does not take the setting '{self.parameter}'. Remove it from the model's settings."


class ContextTooLong(ProviderError):
    explanation = "The conversation is longer than this model can hold. Choose a model with a larger context."


class ContentRefused(ProviderError):
    explanation = "The AI service's own rules forbid an answer to this. Say it in other words, or choose another model."


class EmptyAnswer(ProviderError):
    explanation = "The model answered with nothing. Try again, or choose another model."

    @property
    def sentence(self) -> str:
        return self.detail or self.explanation


class ServiceUnavailable(ProviderError):
    retryable = True
    explanation = "The AI service cannot be reached, or cannot answer now. Try again in a while."


class TimedOut(ProviderError):
    retryable = True
    explanation = "The AI service did not answer in time. Try again, or choose another model."


class StreamInterrupted(ProviderError):
    retryable = True
    explanation = "The AI service broke off before its answer was whole. Try again."


class WrongAddress(ProviderError):
    explanation = "The provider's address does not lead to an AI service. An administrator can correct it."

    @property
    def sentence(self) -> str:
        return f"{self.explanation} ({self.detail})" if self.detail else self.explanation


class StopLineReached(ProviderError):
    explanation = "The spending limit of this site is reached. An administrator can raise it; free models still answer."


class PriceUnknown(ProviderError):
    explanation = (
        "Nobody has said what this model costs, and this site has a spending limit. "
        "An administrator can set the price in the model's settings."
    )


def shortened(text: str) -> str:
    """One line of printable text, at most 500 characters."""
    line = " ".join(text.encode(errors="replace").decode().replace("\0", " ").split())
    return line if len(line) <= DETAIL_CHARACTERS else line[: DETAIL_CHARACTERS - 1] + "…"


def waiting(seconds: float) -> str:
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}s"
    return f"{max(1, round(seconds))} s"
