"""The practice model that comes with Chimera: no key, no account, no network."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import ClassVar

from providers import practice
from providers.base import StreamingProvider
from providers.errors import ProviderError, TimedOut
from providers.events import StreamEvent
from providers.request import ChatRequest
from providers.wire.openai_chat import stream_chat

LONGEST_SILENCE = 120  # seconds; what a busy small computer needs to read a long prompt


class Builtin(StreamingProvider):
    """Speaks to the child of `providers.practice`, which it starts at first use. Further replies wait their turn."""

    slug: ClassVar[str] = "builtin"
    label: ClassVar[str] = "Practice model"
    needs_key: ClassVar[bool] = False
    is_local: ClassVar[bool] = True

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
        """Streams in any case: unstreamed, the server would repeat the words that a reply was begun with."""
        model = practice.shared()
        async with model.place():
            address = await model.ready()
            events = stream_chat(
                replace(request, model=practice.MODEL_ID, stream=True),
                url=f"{address.base_url}/chat/completions",
                headers=address.headers,
                allow_local=True,
            )
            try:
                async with aclosing(_unless_silent(events)) as timely:
                    async for event in timely:
                        yield event
            except TimedOut:
                model.doubt()
                raise

    async def get_models(self) -> list[str]:
        return [practice.MODEL_ID] if practice.PracticeModel.available() else []

    async def health_check(self) -> bool:
        """Starts the child if need be, so that what it says is true."""
        try:
            await practice.shared().ready()
        except ProviderError:
            return False
        return True


async def _unless_silent(events: AsyncGenerator[StreamEvent]) -> AsyncGenerator[StreamEvent]:
    async with aclosing(events):
        while True:
            try:
                yield await asyncio.wait_for(anext(events), LONGEST_SILENCE)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise TimedOut("The practice model fell silent.") from None
