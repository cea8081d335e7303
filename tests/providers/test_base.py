"""The contract: a class written to the integration guide and nothing more, beside one of ours."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from providers.base import AIProvider, StreamingProvider, events_of
from providers.errors import RequestRejected
from providers.events import Finished, FinishReason, ReasoningDelta, StreamEvent, TextDelta, Usage
from providers.request import ChatMessage, ChatRequest

REQUEST = ChatRequest(
    "m-1", (ChatMessage("user", "Hi"),), max_output=9, extra={"min_p": 0.1}, refused=frozenset({"min_p"})
)
SAID = [{"role": "user", "content": "Hi"}]


class Guided(AIProvider):
    """As the guide's own examples are written."""

    def __init__(self, api_key: str, base_url: str | None = None, **config: Any) -> None:
        super().__init__("guided", config)
        self.heard: dict[str, Any] = {}
        self.closed = False

    async def chat(self, messages: list[dict[str, str]], stream: bool = False, **kwargs: Any) -> AsyncIterator[str]:
        self.heard = {"messages": messages, "stream": stream, **kwargs}
        try:
            for piece in ("Hel\r", "\nlo", "\r"):
                yield piece
        finally:
            self.closed = True

    async def get_models(self) -> list[str]:
        return ["m-1"]

    async def health_check(self) -> bool:
        return True


class GuidedToTheLetter(Guided):
    """`async def` that returns an iterator, as the guide's annotation says when it is read strictly."""

    async def chat(  # type: ignore[override]
        self, messages: list[dict[str, str]], stream: bool = False, **kwargs: Any
    ) -> AsyncIterator[str]:
        return super().chat(messages, stream, **kwargs)


class Ours(StreamingProvider):
    slug = "ours"
    closed = False

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
        self.request = request
        try:
            yield ReasoningDelta("Hm.")
            yield TextDelta("Hel")
            yield TextDelta("lo")
            yield Usage(output=2)
            yield Finished(FinishReason.STOP)
        finally:
            self.closed = True

    async def get_models(self) -> list[str]:
        return []

    async def health_check(self) -> bool:
        return True


@pytest.mark.parametrize("kind", [Guided, GuidedToTheLetter])
@pytest.mark.asyncio
async def test_a_guided_provider_speaks_in_events(kind: type[Guided]) -> None:
    provider = kind("a-key")
    events = [event async for event in events_of(provider, REQUEST)]
    assert events == [
        TextDelta("Hel"),
        TextDelta("\nlo"),
        TextDelta("\n"),
        Finished(FinishReason.STOP, "m-1"),
    ]
    assert provider.heard == {"messages": SAID, "stream": True, "model": "m-1", "max_tokens": 9}


@pytest.mark.parametrize("provider", [Guided("a-key"), Ours()])
@pytest.mark.asyncio
async def test_leaving_early_closes_the_provider(provider: Guided | Ours) -> None:
    async with aclosing(events_of(provider, REQUEST)) as events:
        await anext(events)
    assert provider.closed


@pytest.mark.asyncio
async def test_ours_chats_as_the_guide_says() -> None:
    provider = Ours(api_key="a-key", max_workers=3)
    assert provider.config == {"max_workers": 3}
    assert [text async for text in provider.chat(SAID, stream=True, model="m", max_tokens=5, top_p=0.5)] == [
        "Hel",
        "lo",
    ]
    assert provider.request == ChatRequest("m", REQUEST.messages, max_output=5, extra={"top_p": 0.5})
    assert [text async for text in provider.chat(SAID, stop="END")] == ["Hello"]
    assert (provider.request.stop, provider.request.stream) == (("END",), False)


@pytest.mark.parametrize("messages", [[{"role": "user"}], ["Hi"], [None]])
@pytest.mark.asyncio
async def test_messages_that_are_none(messages: list[Any]) -> None:
    with pytest.raises(RequestRejected):
        await anext(Ours().chat(messages))


def test_a_local_service_may_be_reached_locally() -> None:
    class Local(Ours):
        is_local = True
        default_base_url = "http://127.0.0.1:1"

    assert Local().allow_local
    assert Local().base_url == "http://127.0.0.1:1"
    assert not Ours().allow_local
