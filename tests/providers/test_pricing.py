"""What a call costs, and what it is expected to cost before it is made."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.events import Usage
from providers.pricing import Prices, cost, forecast, prompt_tokens, runs_at_home, sane, tokens_of
from providers.request import ChatMessage, ChatRequest

PRICES = Prices(Decimal(3), Decimal(15), Decimal("0.3"))
UNKNOWN = Prices(None, None)


def request(*texts: str, max_output: int | None = None) -> ChatRequest:
    return ChatRequest("m", tuple(ChatMessage("user", text) for text in texts), max_output=max_output)


@pytest.mark.parametrize(
    ("prices", "usage", "expected"),
    [
        (PRICES, Usage(input=1_000_000), Decimal(3)),
        (PRICES, Usage(output=1_000_000, reasoning=900_000), Decimal(15)),
        (PRICES, Usage(input=1_000_000, cached=400_000), Decimal("1.92")),
        (Prices(Decimal(3), Decimal(15)), Usage(input=1_000_000, cached=400_000), Decimal(3)),
        (PRICES, Usage(input=10, cached=400), Decimal("0.000003")),
        (PRICES, Usage(), Decimal(0)),
        (Prices(Decimal("0.001"), Decimal(0)), Usage(input=1), Decimal("0.00000001")),
        (PRICES, Usage(input=5, cost=Decimal("0.25")), Decimal("0.25")),
        (UNKNOWN, Usage(input=5, cost=Decimal("0.25")), Decimal("0.25")),
        (UNKNOWN, Usage(input=5), None),
        (Prices(Decimal(1), None), Usage(input=5), None),
    ],
)
def test_cost(prices: Prices, usage: Usage, expected: Decimal | None) -> None:
    assert cost(prices, usage) == expected


def test_forecast_takes_the_lowest_limit_that_is_known() -> None:
    assert forecast(PRICES, request("x", max_output=10), max_output=100).output == 10
    assert forecast(PRICES, request("x"), max_output=100).output == 100
    assert forecast(PRICES, request("x"), max_output=None).output == 4096
    assert forecast(UNKNOWN, request("x"), max_output=1).cost is None


def test_forecast_is_estimate_and_full_output() -> None:
    told = forecast(PRICES, request("x" * 296, max_output=1000), max_output=None)
    assert (told.input, told.cost) == (103, Decimal("0.015309"))


def test_estimates_grow_with_calibration_and_err_upwards_for_every_script() -> None:
    assert tokens_of(["word " * 300]) >= 400
    assert tokens_of(["猫" * 100]) >= 100
    assert tokens_of(["\ud800"]) > 0
    assert tokens_of([]) == 0
    assert prompt_tokens(request("x" * 300), 2.0) > prompt_tokens(request("x" * 300))


@pytest.mark.parametrize(
    ("kind", "base_url", "at_home"),
    [
        ("builtin", "", True),
        ("rehearsal", "", True),
        ("ollama", "https://ollama.example.org", True),
        ("lm_studio", "", True),
        ("openai_compatible", "http://127.0.0.1:8080/v1", True),
        ("openai_compatible", "http://localhost:8080/v1", True),
        ("openai_compatible", "http://[::1]:8080/v1", True),
        ("openai_compatible", "http://192.168.1.7/v1", True),
        ("openai_compatible", "http://10.0.0.2", True),
        ("openai_compatible", "https://8.8.8.8/v1", False),
        ("openai_compatible", "https://api.example.org/v1", False),
        ("openai_compatible", "https://localhost.example.org/v1", False),
        ("openai_compatible", "http://[broken", False),
        ("openai_compatible", "", False),
    ],
)
def test_who_runs_at_home(kind: str, base_url: str, at_home: bool) -> None:
    assert runs_at_home(kind, base_url) is at_home


def test_a_price_at_home_is_kept() -> None:
    assert UNKNOWN.or_free() == Prices(Decimal(0), Decimal(0))
    assert Prices(Decimal(2), None).or_free() == Prices(Decimal(2), Decimal(0))


@given(st.builds(Usage, *[st.integers()] * 5, cost=st.none() | st.decimals()))
def test_a_nonsensical_usage_still_has_a_cost(usage: Usage) -> None:
    told = cost(PRICES, sane(usage))
    assert told is not None
    assert told >= 0
