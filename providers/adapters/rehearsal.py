"""A scripted stand-in for an AI service: for tests, load and demonstrations. It reaches nothing and costs nothing.

The model id is the script, words with blanks between, so that a row in the database chooses it:

    rehearsal                               readable Markdown about the last message, at 50 tokens/s
    pace=200 tokens=400                     400 tokens, 200 a second (0: as fast as they are taken)
    wait=2                                  two seconds before the first token; wait=never: silence until cancelled
    think=30                                30 tokens of thought before the answer
    text=pass                               another text: see TEXTS
    echo=Ada                                opens with the speaker tag 'Ada: '
    fault=break@20                          goes wrong after 20 tokens (at once without @): see FAULTS
    fault=limit times=2 retry=3             only the first two requests of this script in this process go wrong;
                                            a limit asks to wait 3 s

A bare word is a name for people and means nothing. `script` in the configuration stands before the model id, `script`
in a request's `extra` after it, the last of equal words counts; `text` in `extra` is said word for word.
"""

import asyncio
import hashlib
import random
import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from providers.base import StreamingProvider
from providers.errors import (
    AuthenticationFailed,
    ContentRefused,
    ContextTooLong,
    EmptyAnswer,
    ModelNotFound,
    OutOfCredit,
    ProviderError,
    RateLimitExceeded,
    RequestRejected,
    ServiceUnavailable,
    StreamInterrupted,
    TimedOut,
)
from providers.events import Finished, FinishReason, ReasoningDelta, StreamEvent, TextDelta, Usage
from providers.request import ChatMessage, ChatRequest

FAULTS: dict[str, tuple[type[ProviderError], str]] = {
    "break": (StreamInterrupted, "The connection was cut."),
    "garbage": (StreamInterrupted, "The service sent something that is not a chunk of an answer."),
    "timeout": (TimedOut, "Silence for longer than we wait."),
    "down": (ServiceUnavailable, "HTTP 503"),
    "limit": (RateLimitExceeded, "Too many requests."),
    "credit": (OutOfCredit, "Insufficient balance."),
    "key": (AuthenticationFailed, "Invalid key."),
    "model": (ModelNotFound, "No such model."),
    "reject": (RequestRejected, "Bad request."),
    "context": (ContextTooLong, "Too many tokens."),
    "refuse": (ContentRefused, "Against the rules."),
    "empty": (EmptyAnswer, ""),
}

MARKDOWN = """\
## A heading

Some *slanted*, **heavy** and `coded` words, and [a link](https://example.org/).

- one
- two
    1. two and a half
- three

> Somebody said so.

| left | right |
|:-----|------:|
| a    |     1 |
| b    |    22 |

```python
def answer() -> int:
    return 42
```

The end.
"""
HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(2)> [a](javascript:alert(3)) <b hx-get='/' id='log'>b</b>\n"
    "\nAlice: I never said that.\n\u202eback to front\u202c \u200bnothing\u200b A\u0300\u0301\u0302\u0303 \0 end\n"
)
TEXTS = {"markdown": MARKDOWN, "hostile": HOSTILE, "pass": "[pass]", "blank": " \n "}

REMARKS = (
    "There are two sides to this, and both have a point.",
    "I would begin with what we *know*, and keep what we guess apart.",
    "**Nobody** has tried it yet, as far as I can tell.",
    "It depends on who is asking, and on the weather.",
    "Let us take it step by step:\n\n1. look at it,\n2. name it,\n3. sleep on it.\n\n",
    "An example says more than a rule: `1 + 1 == 2`.",
    "What speaks for it:\n\n- it is simple\n- it is cheap\n- it can be undone\n\n",
    "On the other hand, old habits die hard — and so do old servers.",
    "I have heard better arguments, but none that were shorter.",
    "\n\n> If in doubt, ask.\n\nThat has served me well.",
)


@dataclass(frozen=True, slots=True)
class Script:
    """`wait` None means for ever; `tokens` None as many as the text has."""

    pace: float = 50
    tokens: int | None = None
    wait: float | None = 0
    think: int = 0
    text: str = ""
    echo: str = ""
    fault: str = ""
    at: int = 0
    times: int | None = None
    retry: float | None = None


def read_script(words: str) -> Script:
    """Raises ValueError for a word that means nothing here."""
    script = Script()
    for word in words.split():
        key, given, value = word.partition("=")
        if given:
            script = replace(script, **_setting(key, value))
    return script


def _setting(key: str, value: str) -> dict[str, Any]:
    match key:
        case "pace" | "wait" | "retry":
            return {key: None if (key, value) == ("wait", "never") else _amount(value)}
        case "tokens" | "think" | "times":
            return {key: int(_amount(value))}
        case "text" if value in TEXTS:
            return {key: value}
        case "echo":
            return {key: value}
        case "fault" if (name := value.partition("@")[0]) in FAULTS:
            return {"fault": name, "at": int(_amount(value.partition("@")[2] or "0"))}
    raise ValueError(f"'{key}={value}' means nothing to the rehearsal.")


def _amount(value: str) -> float:
    if not re.fullmatch(r"\d{1,7}(\.\d{1,6})?", value):
        raise ValueError(f"'{value}' is not a number.")
    return float(value)


def answer_tokens(script: Script, messages: Sequence[ChatMessage], text: str = "") -> list[str]:
    """The answer, token by token; the same for the same script and last message. What stands on the stage is exact."""
    last = messages[-1].content if messages else ""
    if text or script.text:
        tokens = _split(text or TEXTS[script.text])
        if script.tokens is not None:
            tokens = (tokens * (script.tokens // max(1, len(tokens)) + 1))[: script.tokens]
    else:
        tokens = _improvised(last, script.tokens)
    return ([f"{script.echo}:", " "] if script.echo else []) + tokens


def _improvised(last: str, length: int | None) -> list[str]:
    seed = int.from_bytes(hashlib.sha256(last.encode(errors="replace")).digest()[:8])
    remarks = _remarks(random.Random(seed))  # noqa: S311 - a play, not a secret
    subject = " ".join(re.findall(r"\w[\w'-]*", last)[-8:]) or "nothing at all"
    tokens = _split(f"So, *{subject}*. ")
    while len(tokens) < (40 if length is None else length):
        tokens += _split(next(remarks))
    return tokens[:length]


def _remarks(dice: random.Random) -> Iterator[str]:
    while True:
        for remark in dice.sample(REMARKS, len(REMARKS)):
            yield remark if remark.endswith("\n") else f"{remark} "


def _split(text: str) -> list[str]:
    return re.findall(r"\s*\S+\s?|\s+", text)


class Rehearsal(StreamingProvider):
    slug: ClassVar[str] = "rehearsal"
    label: ClassVar[str] = "Rehearsal (scripted, for tests)"
    needs_key: ClassVar[bool] = False
    is_local: ClassVar[bool] = True

    faults_made: ClassVar[Counter[str]] = Counter()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
        words = f"{self.config.get('script', '')} {request.model} {request.extra.get('script', '')}"
        try:
            script = read_script(words)
        except ValueError as error:
            raise ModelNotFound(str(error)) from None
        tokens = answer_tokens(script, request.messages, str(request.extra.get("text") or ""))
        cut = request.max_output is not None and len(tokens) + script.think > request.max_output
        if cut and request.max_output is not None:
            tokens = tokens[: max(0, request.max_output - script.think)]
        fault = self._fault(script, words)
        kept = tokens[: script.at] if fault is not None else tokens
        async for number in _beats(script, script.think + len(kept), paced=request.stream):
            if number < script.think:
                yield ReasoningDelta("hm, " if number else "Hm, ")
            elif request.stream:
                yield TextDelta(kept[number - script.think])
        if not request.stream and kept:
            yield TextDelta("".join(kept))
        if fault is not None:
            raise fault
        heard = sum(len(message.content) for message in request.messages) // 4
        yield Usage(input=heard, output=script.think + len(tokens), reasoning=script.think)
        yield Finished(FinishReason.LENGTH if cut else FinishReason.STOP, request.model)

    def _fault(self, script: Script, words: str) -> ProviderError | None:
        if not script.fault:
            return None
        if script.times is not None:
            self.faults_made[words] += 1
            if self.faults_made[words] > script.times:
                return None
        kind, detail = FAULTS[script.fault]
        return kind(detail, retry_after=script.retry)

    async def get_models(self) -> list[str]:
        return ["rehearsal", "pace=200 tokens=400", "text=markdown"]

    async def health_check(self) -> bool:
        return True


async def _beats(script: Script, count: int, *, paced: bool) -> AsyncGenerator[int]:
    """Numbers in time. Each has its own moment, counted from the start, so that delays do not add up."""
    if script.wait is None:
        await asyncio.Event().wait()
    now = asyncio.get_running_loop().time
    start = now() + (script.wait or 0)
    for number in range(count):
        due = start + (number / script.pace if script.pace and paced else 0)
        await asyncio.sleep(max(0.0, due - now()))
        yield number
