"""The answer half of the chat-completions dialect: bytes in, events out. No network, no clock.

Read here is what servers send, not what is specified: an error instead of a chunk, chunks without choices, thoughts
under three names, one JSON document where a stream was asked for.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson

from providers.errors import (
    ContentRefused,
    EmptyAnswer,
    ProviderError,
    ServiceUnavailable,
    StreamInterrupted,
    WrongAddress,
)
from providers.events import Finished, FinishReason, ReasoningDelta, StreamEvent, TextCleaner, TextDelta, Usage

from .sse import SSEEvent, SSEParser
from .thinking import ThoughtSplitter

MAX_BODY = 32_000_000
MOST_TOKENS = 2**31 - 1
BLANK = b"\xef\xbb\xbf \t\r\n"

REASONS = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "content_filter": FinishReason.REFUSED,
    "refusal": FinishReason.REFUSED,
    "safety": FinishReason.REFUSED,
}
FAILURES = {"error", "insufficient_system_resource"}

ALL_THOUGHT = "The model spent its whole output limit on thinking, so no answer was left. Raise the limit, then retry."
NO_ROOM = "The model ended without a word. The conversation may be longer than the context it was loaded with."
REFUSED = "The service ended the answer by its content rules."
CUT = "The answer ended without its end mark."


class AnswerReader:
    """Reads one answer. What `feed` and `close` return is to be handed out before `failure` is raised.

    `fault` turns an error object of the service into the ProviderError it means.
    """

    def __init__(self, fault: Callable[[Any], ProviderError], *, within_thought: bool = False) -> None:
        self.failure: ProviderError | None = None
        self.reason: FinishReason | None = None
        self.done = False
        self._fault = fault
        self._parser = SSEParser()
        self._begun = False
        self._body: bytearray | None = None
        self._splitter = ThoughtSplitter(within_thought=within_thought)
        self._text, self._thought = TextCleaner(), TextCleaner()
        self._spoke = self._thought_came = False
        self._model = ""
        self._usage: dict[str, Any] | None = None
        self._timings: dict[str, Any] | None = None

    @property
    def marked(self) -> bool:
        """Whether nothing but usage can follow: the end mark came, or a failure."""
        return self.reason is not None or self.done or self.failure is not None

    @property
    def within_line(self) -> bool:
        return self._parser.within_line

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        try:
            if not self._begun:
                chunk = self._sniff(chunk)
            if self._body is not None:
                self._body += chunk
                if len(self._body) > MAX_BODY:
                    raise StreamInterrupted(f"The service sent more than {MAX_BODY} bytes in one piece.")
            else:
                for event in self._parser.feed(chunk):
                    self._take(event, events)
        except ProviderError as error:
            self.failure = self.failure or error
        return events

    def close(self) -> list[StreamEvent]:
        """The last events. Sets `failure` unless the answer is whole."""
        events: list[StreamEvent] = []
        try:
            if self._body is not None:
                self._take_body(bytes(self._body), events)
            elif not self.marked:
                for event in self._parser.close():
                    self._take(event, events)
        except ProviderError as error:
            self.failure = self.failure or error
        self._flush(events)
        if (usage := self._counted()) is not None:
            events.append(usage)
        self.failure = self.failure or self._shortcoming()
        if self.failure is None:
            events.append(Finished(self.reason or FinishReason.OTHER, self._model))
        return events

    def _sniff(self, chunk: bytes) -> bytes:
        """Tell a stream from a JSON document and a web page by the first byte, whatever the content type says."""
        chunk = chunk.lstrip(BLANK)
        self._begun = bool(chunk)
        if chunk.startswith(b"<"):
            raise WrongAddress("A web page answers there.")
        if chunk.startswith((b"{", b"[")):
            self._body = bytearray()
        return chunk

    def _take_body(self, body: bytes, events: list[StreamEvent]) -> None:
        answer = parsed(body)
        if isinstance(answer, list) and answer:
            answer = answer[0]
        if not isinstance(answer, dict):
            raise StreamInterrupted("The service sent a JSON document that is broken.")
        self._take_chunk(answer, events)
        if self.reason is None and answer.get("choices"):
            self.reason = FinishReason.OTHER  # a whole document needs no end mark
        elif self.reason is None:
            raise self._fault(answer)

    def _take(self, event: SSEEvent, events: list[StreamEvent]) -> None:
        if self.done or self.failure is not None:
            return
        name, data = event
        if data == b"[DONE]" or data.strip() == b"[DONE]":
            self.done = True
            return
        chunk = parsed(data)
        if name == "error":
            raise self._fault(chunk if chunk is not None else data.decode(errors="replace"))
        if isinstance(chunk, dict):
            self._take_chunk(chunk, events)
        elif data.strip() and name in ("", "message"):
            raise StreamInterrupted("The service sent something that is not a chunk of an answer.")

    def _take_chunk(self, chunk: dict[str, Any], events: list[StreamEvent]) -> None:
        if chunk.get("error") or chunk.get("object") == "error":
            raise self._fault(chunk)
        if isinstance(usage := chunk.get("usage"), dict):
            self._usage = usage
        if isinstance(timings := chunk.get("timings"), dict):
            self._timings = timings
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return
        if choice.get("error"):
            raise self._fault(choice)
        if choice.get("index") or self.reason is not None:
            return
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            self._take_delta(delta, events)
        if finish := choice.get("finish_reason"):
            self._take_finish(str(finish), chunk)

    def _take_delta(self, delta: dict[str, Any], events: list[StreamEvent]) -> None:
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if thought and isinstance(thought, str):
            self._think(thought, events)
        content = delta.get("content") or delta.get("refusal")
        if content and not isinstance(content, str):
            content = _joined(content)
        if not content:
            return
        if self._splitter.settled:
            self._speak(content, events)
            return
        inline_thought, answer = self._splitter.feed(content)
        self._think(inline_thought, events)
        self._speak(answer, events)

    def _take_finish(self, finish: str, chunk: dict[str, Any]) -> None:
        if finish in FAILURES:
            raise ServiceUnavailable(f"The service ended the answer: {finish}")
        self.reason = REASONS.get(finish.lower(), FinishReason.OTHER)
        if isinstance(model := chunk.get("model"), str):
            self._model = model[:200]

    def _speak(self, text: str, events: list[StreamEvent]) -> None:
        if text and (clean := self._text.feed(text)):
            self._spoke = self._spoke or not clean.isspace()
            events.append(TextDelta(clean))

    def _think(self, text: str, events: list[StreamEvent]) -> None:
        if text and (clean := self._thought.feed(text)):
            self._thought_came = True
            events.append(ReasoningDelta(clean))

    def _flush(self, events: list[StreamEvent]) -> None:
        thought, answer = self._splitter.close()
        self._think(thought, events)
        if rest := self._thought.close():
            events.append(ReasoningDelta(rest))
        self._speak(answer, events)
        if rest := self._text.close():
            self._spoke = self._spoke or not rest.isspace()
            events.append(TextDelta(rest))

    def _counted(self) -> Usage | None:
        if self._usage is not None:
            return usage_of(self._usage)
        if self._timings is not None:
            cached = _count(self._timings.get("cache_n"))
            read = _count(self._timings.get("prompt_n"))
            return Usage(input=cached + read, cached=cached, output=_count(self._timings.get("predicted_n")))
        return None

    def _shortcoming(self) -> ProviderError | None:
        """Why an answer that ended in peace is none all the same."""
        if self.reason is None:
            return StreamInterrupted(CUT)
        if self._spoke:
            return None
        if self.reason is FinishReason.REFUSED:
            return ContentRefused(REFUSED)
        thought = self._thought_came or self.reason is FinishReason.LENGTH
        return EmptyAnswer(ALL_THOUGHT if thought else NO_ROOM)


def parsed(data: bytes) -> Any:
    """JSON, or None. Broken UTF-8 and halves of surrogate pairs, which orjson refuses, are read all the same."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            return json.loads(data.decode(errors="replace"))
        except (ValueError, RecursionError):
            return None


def usage_of(usage: dict[str, Any]) -> Usage:
    """Usage as OpenAI, DeepSeek and OpenRouter tell it; whatever is missing or senseless counts as nothing."""
    prompt = usage.get("prompt_tokens_details") or {}
    completion = usage.get("completion_tokens_details") or {}
    if not isinstance(prompt, dict) or not isinstance(completion, dict):
        prompt = completion = {}
    cost = usage.get("cost")
    priced = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < 1_000_000
    return Usage(
        input=_count(usage.get("prompt_tokens")),
        cached=_count(prompt.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")),
        cache_write=_count(prompt.get("cache_write_tokens")),
        output=_count(usage.get("completion_tokens")),
        reasoning=_count(completion.get("reasoning_tokens")),
        cost=Decimal(str(cost)) if priced else None,
    )


def _count(value: Any) -> int:
    if isinstance(value, int | float) and 0 < value <= MOST_TOKENS:
        return int(value)
    return 0


def _joined(parts: Any) -> str:
    """Text that comes as a list of parts."""
    if not isinstance(parts, list):
        return ""
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))
