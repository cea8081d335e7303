"""Rows of a provider and its model, and an adapter that plays a script instead of asking anyone."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from providers.base import StreamingProvider
from providers.calls import CallOrder, waiting
from providers.calls import stream as call_stream
from providers.events import Finished, FinishReason, StreamEvent, TextDelta, Usage
from providers.models import AIModel, Allowance, Period, ProviderConfig, Purpose
from providers.request import ChatMessage, ChatRequest

REQUEST = ChatRequest("model-1", (ChatMessage("user", "Is a hot dog a sandwich?"),), max_output=100)
ANSWER = (TextDelta("No"), TextDelta("pe."), Usage(input=12, output=3), Finished(FinishReason.STOP))


class Scripted(StreamingProvider):
    """Plays one script a call: events to yield, exceptions to raise, functions to await."""

    slug = "scripted"

    def __init__(self, *scripts: Sequence[object]) -> None:
        super().__init__()
        self.scripts = list(scripts)
        self.requests: list[ChatRequest] = []
        self.closed = 0

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
        self.requests.append(request)
        script = self.scripts.pop(0) if self.scripts else ANSWER
        try:
            for step in script:
                if isinstance(step, Exception):
                    raise step
                if callable(step):
                    await step()
                else:
                    yield step
        finally:
            self.closed += 1

    async def get_models(self) -> list[str]:
        return ["model-1", "model-2"]

    async def health_check(self) -> bool:
        return True


@pytest.fixture
def provider(request: pytest.FixtureRequest) -> ProviderConfig:
    request.getfixturevalue("transactional_db" if _is_transactional(request) else "db")
    return ProviderConfig.objects.create(
        kind="openai_compatible", label="Example", base_url="https://api.example.org/v1"
    )


@pytest.fixture
def model(provider: ProviderConfig) -> AIModel:
    """Three dollars a million in, fifteen out."""
    return AIModel.objects.create(
        provider=provider, model_id="model-1", input_price=Decimal(3), output_price=Decimal(15)
    )


@pytest.fixture
def stop_line(provider: ProviderConfig) -> Allowance:
    defaults = {"money_limit": Decimal(5)}
    return Allowance.objects.update_or_create(site=True, period=Period.DAY, defaults=defaults)[0]


@pytest.fixture
def order(model: AIModel, stop_line: Allowance) -> CallOrder:
    return order_for(model)


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scripted]:
    """`plays(script, …)` lets every provider play the scripts, one a request, then a plain answer."""

    def play(*scripts: Sequence[object]) -> Scripted:
        adapter = Scripted(*scripts)
        monkeypatch.setattr(call_stream, "adapter_for", lambda provider: adapter)
        return adapter

    return play


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The seconds that calls wanted to wait; none of them is waited."""
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr(waiting, "sleep", sleep)
    return asked


def order_for(model: AIModel, **fields: Any) -> CallOrder:
    return CallOrder(
        model_id=model.pk,
        **{
            "request": REQUEST,
            "user_id": None,
            "conversation_key": "room",
            "turn_key": "turn",
            "purpose": Purpose.REPLY,
            **fields,
        },
    )


def _is_transactional(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("django_db")
    return bool(marker and marker.kwargs.get("transaction"))
