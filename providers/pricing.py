"""What a call costs. Prices are USD per million tokens, money is USD to eight places; None is 'nobody knows'."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from providers.events import Usage
from providers.request import ChatRequest

CENT_FRACTION: Final = Decimal("0.00000001")
MILLION: Final = Decimal(1_000_000)
BYTES_PER_TOKEN: Final = 3
"""English has about four, Chinese three: an estimate errs upwards."""
TOKENS_PER_MESSAGE: Final = 4
USUAL_OUTPUT: Final = 4096
"""Forecast of an answer whose length nobody limits."""
FREE_KINDS: Final = frozenset({"builtin", "rehearsal", "ollama", "lm_studio"})
MOST_TOKENS: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Prices:
    input: Decimal | None
    output: Decimal | None
    cached: Decimal | None = None
    """None: as much as other input."""

    @property
    def known(self) -> bool:
        return self.input is not None and self.output is not None

    def or_free(self) -> "Prices":
        """What is not priced is free: for models on our own machines."""
        return Prices(self.input or Decimal(0), self.output or Decimal(0), self.cached)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The most that a call should come to. `cost` None: the price is unknown."""

    input: int
    output: int
    cost: Decimal | None


def runs_at_home(kind: str, base_url: str) -> bool:
    """Whether a provider's machine is one of ours, so that its models cost nothing unless they are priced."""
    if kind in FREE_KINDS:
        return True
    try:
        host = urlsplit(base_url).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_private
    except ValueError:
        return False


def cost(prices: Prices, usage: Usage) -> Decimal | None:
    """What the service says it charged, else tokens times price, rounded up."""
    if usage.cost is not None:
        return _rounded(usage.cost)
    if prices.input is None or prices.output is None:
        return None
    cached_price = prices.input if prices.cached is None else prices.cached
    cached = min(usage.cached, usage.input)
    parts = (usage.input - cached) * prices.input + cached * cached_price + usage.output * prices.output
    return _rounded(parts / MILLION)


def forecast(prices: Prices, request: ChatRequest, *, max_output: int | None, calibration: float = 1.0) -> Forecast:
    """The prompt's estimate at full price, and as much output as is allowed. `max_output` is the model's own limit."""
    estimate = prompt_tokens(request, calibration)
    output = min(request.max_output or max_output or USUAL_OUTPUT, MOST_TOKENS)
    return Forecast(estimate, output, cost(prices, Usage(input=estimate, output=output)))


def prompt_tokens(request: ChatRequest, calibration: float = 1.0) -> int:
    """An estimate of a request's tokens."""
    texts = (message.content for message in request.messages)
    return tokens_of(texts, calibration) + TOKENS_PER_MESSAGE * len(request.messages)


def tokens_of(texts: Iterable[str], calibration: float = 1.0) -> int:
    """An estimate. `calibration` is what a model's own counts were to our estimates so far."""
    return tokens_in(sum(len(text.encode("utf-8", "replace")) for text in texts), calibration)


def tokens_in(size: int, calibration: float = 1.0) -> int:
    """The same for text of so many bytes."""
    return min(int(size * calibration / BYTES_PER_TOKEN) + (size > 0), MOST_TOKENS)


def sane(usage: Usage) -> Usage:
    """The same with impossible counts corrected: a service's nonsense must not spoil the ledger."""
    charged = usage.cost if usage.cost is not None and usage.cost.is_finite() and 0 <= usage.cost < MILLION else None
    return Usage(
        input=_sane_count(usage.input),
        cached=_sane_count(usage.cached),
        cache_write=_sane_count(usage.cache_write),
        output=_sane_count(usage.output),
        reasoning=_sane_count(usage.reasoning),
        cost=charged,
    )


def _sane_count(count: int) -> int:
    return min(max(count, 0), MOST_TOKENS)


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(CENT_FRACTION, rounding=ROUND_CEILING)
