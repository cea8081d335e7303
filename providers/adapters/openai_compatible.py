"""Any server that speaks the chat-completions dialect: llama.cpp, vLLM, LM Studio, gateways, other services."""

import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import fields
from typing import Any, ClassVar

from providers.base import StreamingProvider
from providers.errors import ProviderError, ServiceUnavailable, WrongAddress
from providers.events import StreamEvent
from providers.http import checked_url, get_json
from providers.request import ChatRequest
from providers.wire.openai_chat import Dialect, stream_chat

MOST_MODELS = 2000
LONGEST_ID = 200
NOT_FOR_CHAT = re.compile(r"embed|rerank|whisper|\btts\b|moderation", re.IGNORECASE)


class OpenAICompatible(StreamingProvider):
    """`config` may hold `limit_field` (max_tokens, or max_completion_tokens), `asks_usage` and `within_thought`."""

    slug: ClassVar[str] = "openai_compatible"
    label: ClassVar[str] = "OpenAI-compatible server"
    needs_key: ClassVar[bool] = False

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
        events = stream_chat(
            request,
            url=self._url("/chat/completions"),
            headers=self._headers(),
            allow_local=self.allow_local,
            dialect=self._dialect(),
        )
        async with aclosing(events):
            async for event in events:
                yield event

    async def get_models(self) -> list[str]:
        answer = await get_json(self._url("/models"), headers=self._headers(), allow_local=self.allow_local)
        models = list(dict.fromkeys(_ids(answer)))
        return [model for model in models if not NOT_FOR_CHAT.search(model)][:MOST_MODELS]

    async def health_check(self) -> bool:
        try:
            await self.get_models()
        except ProviderError:
            return False
        return True

    def _url(self, path: str) -> str:
        if not self.base_url:
            raise WrongAddress("It is empty.")
        return endpoint(self.base_url, path)

    def _headers(self) -> dict[str, str]:
        key = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return {**key, **self.headers}

    def _dialect(self) -> Dialect:
        known = {field.name for field in fields(Dialect)}
        return Dialect(**{name: value for name, value in self.config.items() if name in known and value is not None})


def endpoint(base_url: str, path: str) -> str:
    """The URL of one path below a base that people write with or without /v1, a slash, or the whole path.

    Raises WrongAddress for what is no address at all.
    """
    base = checked_url(base_url.strip(), allow_local=True)
    root = base.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return str(base.copy_with(path=root + path, fragment=None))


def _ids(answer: Any) -> Iterator[str]:
    models = answer
    if isinstance(answer, dict):
        models = answer["data"] if isinstance(answer.get("data"), list) else answer.get("models")
    if not isinstance(models, list):
        raise ServiceUnavailable("The service sent no list of models.")
    for model in models:
        name = model.get("id") or model.get("name") if isinstance(model, dict) else model
        if isinstance(name, str) and 0 < len(name) <= LONGEST_ID:
            yield name
