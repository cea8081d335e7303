"""The contract of every AI service.

A class that is written to `AIProvider` and nothing more works: it brings its own client, and its usage is an
estimate. Our own adapters are `StreamingProvider`s: they say all they know in events.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, cast

from providers.errors import RequestRejected
from providers.events import Finished, FinishReason, StreamEvent, TextCleaner, TextDelta
from providers.request import ChatMessage, ChatRequest, Speaker


class AIProvider(ABC):
    """One AI service.

    `slug` is the address in the registry, `label` its name for people. A service that `is_local` runs on the site's
    own computer or network, costs nothing, and may be reached there.
    """

    slug: ClassVar[str] = ""
    label: ClassVar[str] = ""
    default_base_url: ClassVar[str] = ""
    needs_key: ClassVar[bool] = True
    is_local: ClassVar[bool] = False

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        self.name = name
        self.config = config

    @abstractmethod
    def chat(self, messages: list[dict[str, str]], stream: bool = False, **kwargs: Any) -> AsyncIterator[str]:
        """The answer's text: in pieces as they come, or without `stream` in one."""

    @abstractmethod
    async def get_models(self) -> list[str]:
        """The ids of the models that can chat. Raises ProviderError."""

    @abstractmethod
    async def health_check(self) -> bool:
        """Whether the service answers and takes our key. Costs nothing, never raises."""


class StreamingProvider(AIProvider):
    """A provider that says in events what it learns; `chat` is derived from them.

    Holds nothing open: keys go out with each request, connections are pooled below.
    """

    def __init__(
        self,
        *,
        api_key: str = "",
        base_url: str = "",
        headers: Mapping[str, str] | None = None,
        allow_local: bool = False,
        **config: Any,
    ) -> None:
        super().__init__(self.slug, config)
        self.api_key = api_key
        self.base_url = base_url or self.default_base_url
        self.headers = dict(headers or {})
        self.allow_local = allow_local or self.is_local

    @abstractmethod
    def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
        """The answer's events, exactly one Finished last. Raises ProviderError, and nothing else.

        To be run under `contextlib.aclosing`: closing it closes the connection.
        """

    async def chat(self, messages: list[dict[str, str]], stream: bool = False, **kwargs: Any) -> AsyncGenerator[str]:
        whole: list[str] = []
        async with aclosing(self.stream(chat_request(messages, stream=stream, **kwargs))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    if stream:
                        yield event.text
                    else:
                        whole.append(event.text)
        if not stream:
            yield "".join(whole)


def chat_request(
    messages: list[dict[str, str]], *, model: str = "", stream: bool = False, **kwargs: Any
) -> ChatRequest:
    """A request from the arguments of `chat`. Raises RequestRejected for messages that are none."""
    try:
        said = tuple(ChatMessage(cast(Speaker, message["role"]), message["content"]) for message in messages)
    except (KeyError, TypeError):
        raise RequestRejected("Each message needs a role and a content.") from None
    stop = kwargs.pop("stop", None) or ()
    return ChatRequest(
        model=model,
        messages=said,
        max_output=kwargs.pop("max_tokens", kwargs.pop("max_output", None)),
        temperature=kwargs.pop("temperature", None),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        extra=kwargs,
        stream=stream,
    )


async def events_of(provider: AIProvider, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
    """The events of any provider: its own, or for one that knows only `chat`, its text and the end."""
    if isinstance(provider, StreamingProvider):
        async with aclosing(provider.stream(request)) as events:
            async for event in events:
                yield event
        return
    cleaner = TextCleaner()
    pieces = provider.chat(
        [{"role": message.role, "content": message.content} for message in request.messages],
        stream=request.stream,
        **_arguments(request),
    )
    if inspect.isawaitable(pieces):  # the guide's signature taken by its letter
        pieces = await pieces
    try:
        async for piece in pieces:
            if text := cleaner.feed(piece):
                yield TextDelta(text)
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
    if rest := cleaner.close():
        yield TextDelta(rest)
    yield Finished(FinishReason.STOP, request.model)


def _arguments(request: ChatRequest) -> dict[str, Any]:
    """Keyword arguments as the guide names them; what is not set is not sent."""
    arguments = {
        "model": request.model or None,
        "max_tokens": request.max_output,
        "temperature": request.temperature,
        "stop": list(request.stop) or None,
        **request.extra,
    }
    return {name: value for name, value in arguments.items() if value is not None and name not in request.refused}
