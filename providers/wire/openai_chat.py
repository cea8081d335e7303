"""The chat-completions dialect, which most services and servers speak."""

import asyncio
import re
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from providers.errors import ProviderError, RequestRejected, TimedOut
from providers.events import ParameterRefused, StreamEvent
from providers.http import open_stream, pool
from providers.request import ChatRequest

from .openai_answer import AnswerReader
from .rate_limits import rate_limits

LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
REQUIRED_FIELDS = {"model", "messages", "stream"}
MOST_REFUSALS = 3  # fields a server may refuse, one after the other, before we give up


@dataclass(frozen=True, slots=True)
class Dialect:
    """What servers of this family differ in.

    `limit_field` bounds the output. `asks_usage` sends stream_options, without which many servers do not count.
    `within_thought`: the server's template opens <think> itself and sends only its end.
    """

    limit_field: str = "max_tokens"
    asks_usage: bool = True
    within_thought: bool = False


async def stream_chat(
    request: ChatRequest,
    *,
    url: str,
    headers: Mapping[str, str] | None = None,
    allow_local: bool = False,
    dialect: Dialect | None = None,
) -> AsyncGenerator[StreamEvent]:
    """Ask, and yield the answer's events. Closing the generator closes the connection. Raises ProviderError.

    A field the server refuses is left out and the request sent again, which ParameterRefused tells.
    """
    dialect = dialect or Dialect()
    refused = set(request.refused)
    begun = False
    for attempt in range(MOST_REFUSALS + 1):
        body = body_of(request, dialect, refused)
        try:
            async with aclosing(_answered(url, body, headers or {}, allow_local, dialect)) as events:
                async for event in events:
                    begun = True
                    yield event
            return
        except RequestRejected as error:
            name = refused_field(error, body)
            if begun or name is None or attempt == MOST_REFUSALS:
                raise
        refused.add(name)
        yield ParameterRefused(name)


def body_of(request: ChatRequest, dialect: Dialect, refused: Collection[str] = ()) -> dict[str, Any]:
    """The request as this dialect writes it, without the refused fields."""
    options: dict[str, Any] = {
        _limit_field(dialect, refused): request.max_output,
        "temperature": request.temperature,
        "stop": list(request.stop) or None,
        "stream_options": {"include_usage": True} if request.stream and dialect.asks_usage else None,
        **request.extra,
    }
    return {
        "model": request.model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "stream": request.stream,
        **{
            name: value
            for name, value in options.items()
            if value is not None and name not in refused and name not in REQUIRED_FIELDS
        },
    }


def _limit_field(dialect: Dialect, refused: Collection[str]) -> str:
    """A server that refuses one name for the limit knows the other one."""
    return next((name for name in (dialect.limit_field, *LIMIT_FIELDS) if name not in refused), dialect.limit_field)


def refused_field(error: RequestRejected, body: Mapping[str, Any]) -> str | None:
    """The optional field of the body that the server complains of, or None."""
    fields = body.keys() - REQUIRED_FIELDS
    named = (error.parameter or "").partition(".")[0]
    if named in fields:
        return named
    for field in sorted(fields, key=len, reverse=True):
        # 'stop' and the like are words of every sentence: they count in quotes only
        plain = "_" in field or field == "temperature"
        if re.search(rf"\b{field}\b" if plain else rf"['\"`]{field}['\"`]", error.detail):
            return field
    return None


async def _answered(
    url: str, body: Mapping[str, Any], headers: Mapping[str, str], allow_local: bool, dialect: Dialect
) -> AsyncGenerator[StreamEvent]:
    reader: AnswerReader
    async with open_stream(url, body=body, headers=headers, allow_local=allow_local) as answer:
        if (limits := rate_limits(answer.headers)) is not None:
            yield limits
        reader = AnswerReader(answer.fault, within_thought=dialect.within_thought)
        try:
            async with aclosing(answer.chunks()) as chunks, aclosing(_read(chunks, reader)) as events:
                async for event in events:
                    yield event
        except ProviderError as error:
            reader.failure = reader.failure or error
        for event in reader.close():
            yield event
    if reader.failure is not None:
        raise reader.failure


async def _read(chunks: AsyncGenerator[bytes], reader: AnswerReader) -> AsyncGenerator[StreamEvent]:
    """Events up to the end mark. Raises TimedOut where a line goes on for ever, byte by byte."""
    now = asyncio.get_running_loop().time
    progress = now()
    async for chunk in chunks:
        events = reader.feed(chunk)
        for event in events:
            yield event
        if reader.marked:
            break
        if events or not reader.within_line:
            progress = now()
        elif now() - progress > pool.TIMEOUTS.idle:
            raise TimedOut("The answer comes too slowly to be one.")
    if reader.failure is None:
        await _read_rest(chunks, reader)


async def _read_rest(chunks: AsyncGenerator[bytes], reader: AnswerReader) -> None:
    """What follows the end mark: usage, [DONE], and the end of the body, which frees the connection for the next."""
    now = asyncio.get_running_loop().time
    with suppress(ProviderError, TimeoutError):
        async with asyncio.timeout(pool.TIMEOUTS.linger) as patience:
            if reader.done:
                patience.reschedule(now() + pool.TIMEOUTS.drain)
            async for chunk in chunks:
                ended = reader.done
                reader.feed(chunk)
                if reader.done and not ended:
                    patience.reschedule(now() + pool.TIMEOUTS.drain)
