"""What servers send, as bytes: the pieces that tests of the wire are put together from."""

import json
from collections.abc import AsyncGenerator, Iterable
from typing import Any

from providers.events import ReasoningDelta, StreamEvent, TextDelta

DONE = b"data: [DONE]\n\n"
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 30,
    "total_tokens": 39,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 22},
}


def event(payload: Any, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(payload)}\n\n".encode()


def chunk(content: str | None = None, *, finish: str | None = None, usage: Any = None, **delta: Any) -> bytes:
    """One chunk of an answer. Further keywords stand in its delta (reasoning_content=…)."""
    choice = {"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish}
    return event({"id": "c1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice], "usage": usage})


def usage(**fields: Any) -> bytes:
    return event({"id": "c1", "model": "m-1", "choices": [], "usage": {**USAGE, **fields}})


def answer(*pieces: str, finish: str = "stop") -> bytes:
    """A whole, well-behaved answer."""
    return b"".join([*(chunk(piece) for piece in pieces), chunk(finish=finish), usage(), DONE])


def document(content: str | None, *, finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    """The same in one piece."""
    said = {"role": "assistant", "content": content, **message}
    return {"model": "m-1", "choices": [{"index": 0, "message": said, "finish_reason": finish}], "usage": USAGE}


def text_of(events: Iterable[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def thought_of(events: Iterable[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))


async def take(events: AsyncGenerator[StreamEvent]) -> tuple[list[StreamEvent], Exception | None]:
    """All that comes, and the error it ends with."""
    taken = []
    try:
        async for one in events:
            taken.append(one)  # noqa: PERF401 - what came before an error counts
    except Exception as error:
        return taken, error
    return taken, None
