import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.adapters.rehearsal import FAULTS, MARKDOWN, TEXTS, Rehearsal, Script, answer_tokens, read_script
from providers.errors import ModelNotFound, ProviderError, RateLimitExceeded
from providers.events import Finished, FinishReason, TextDelta, Usage
from providers.request import ChatMessage, ChatRequest
from tests.providers.dialects import take, text_of, thought_of

ASKED = (ChatMessage("user", "Is a hot dog a sandwich?"),)


def asking(script: str, **fields: Any) -> ChatRequest:
    return ChatRequest(script, ASKED, **fields)


@pytest.mark.parametrize(
    ("words", "script"),
    [
        ("", Script()),
        ("rehearsal-steady", Script()),
        ("slow pace=2.5 tokens=400", Script(pace=2.5, tokens=400)),
        ("wait=never", Script(wait=None)),
        ("wait=1 think=3 echo=Ada text=pass", Script(wait=1, think=3, echo="Ada", text="pass")),
        ("fault=break@20", Script(fault="break", at=20)),
        ("fault=limit times=2 retry=0.5", Script(fault="limit", times=2, retry=0.5)),
        ("pace=1 pace=2", Script(pace=2)),
    ],
)
def test_the_grammar(words: str, script: Script) -> None:
    assert read_script(words) == script


@pytest.mark.parametrize(
    "words",
    ["speed=3", "pace=fast", "pace=-1", "tokens=", "fault=fire", "fault=break@x", "text=opera", "pace=never", "=1"],
)
def test_words_that_mean_nothing_are_errors(words: str) -> None:
    with pytest.raises(ValueError):
        read_script(words)


@given(length=st.integers(0, 300), last=st.text(max_size=60))
def test_the_answer_is_as_long_as_asked_and_always_the_same(length: int, last: str) -> None:
    said = (ChatMessage("user", last),)
    tokens = answer_tokens(Script(tokens=length), said)
    assert len(tokens) == length
    assert all(tokens)
    assert tokens == answer_tokens(Script(tokens=length), said)


def test_the_default_is_readable_and_about_the_last_message() -> None:
    text = "".join(answer_tokens(Script(), ASKED))
    assert text.startswith("So, *Is a hot dog a sandwich*. ")
    assert text != "".join(answer_tokens(Script(), (ChatMessage("user", "What is a sandwich?"),)))


@pytest.mark.parametrize("name", TEXTS)
def test_texts_come_out_whole(name: str) -> None:
    assert "".join(answer_tokens(Script(text=name), ASKED)) == TEXTS[name]


@pytest.mark.asyncio
async def test_a_whole_answer() -> None:
    events, error = await take(Rehearsal().stream(asking("pace=0 think=2 tokens=10 echo=Ada")))
    assert error is None
    assert thought_of(events) == "Hm, hm, "
    assert text_of(events).startswith("Ada: So, ")
    assert events[-2:] == [
        Usage(input=6, output=14, reasoning=2),
        Finished(FinishReason.STOP, "pace=0 think=2 tokens=10 echo=Ada"),
    ]


@pytest.mark.asyncio
async def test_configuration_model_and_request_write_the_script_together() -> None:
    provider = Rehearsal(script="pace=0 tokens=5 text=pass")
    events, _ = await take(provider.stream(asking("tokens=3", extra={"script": "text=markdown"})))
    assert text_of(events) == "".join(answer_tokens(Script(tokens=3, text="markdown"), ASKED))
    events, _ = await take(Rehearsal().stream(asking("pace=0", extra={"text": "My words, exactly."})))
    assert text_of(events) == "My words, exactly."


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.asyncio
async def test_faults_come_where_they_are_written(name: str) -> None:
    for at in (0, 3):
        events, error = await take(Rehearsal().stream(asking(f"pace=0 tokens=10 fault={name}@{at}")))
        assert type(error) is FAULTS[name][0]
        assert len(events) == at
        assert all(isinstance(event, TextDelta) for event in events)


@pytest.mark.asyncio
async def test_a_fault_may_heal() -> None:
    Rehearsal.faults_made.clear()
    request = asking("pace=0 tokens=2 fault=limit times=2 retry=3")
    ends = [(await take(Rehearsal().stream(request)))[1] for _ in range(4)]
    assert [type(end) for end in ends] == [RateLimitExceeded, RateLimitExceeded, type(None), type(None)]
    assert isinstance(ends[0], RateLimitExceeded)
    assert ends[0].retry_after == 3


@pytest.mark.asyncio
async def test_the_limit_of_output_is_kept() -> None:
    events, _ = await take(Rehearsal().stream(asking("pace=0 tokens=50 think=2", max_output=12)))
    assert len(events) == 2 + 10 + 2
    assert isinstance(events[-1], Finished)
    assert events[-1].reason is FinishReason.LENGTH


@pytest.mark.asyncio
async def test_in_one_piece() -> None:
    pieces = [text async for text in Rehearsal().chat([], model="text=markdown pace=0.1")]
    assert pieces == [MARKDOWN]
    events, _ = await take(Rehearsal().stream(asking("tokens=5", stream=False)))
    assert [type(event).__name__ for event in events] == ["TextDelta", "Usage", "Finished"]


@pytest.mark.asyncio
async def test_a_script_it_cannot_read_is_no_model() -> None:
    _, error = await take(Rehearsal().stream(asking("speed=3")))
    assert isinstance(error, ModelNotFound)
    assert "speed=3" in error.detail


@pytest.mark.asyncio
async def test_silence_lasts_until_it_is_cancelled() -> None:
    async with aclosing(Rehearsal().stream(asking("wait=never"))) as events:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.05)


@pytest.mark.asyncio
async def test_each_token_has_its_own_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock of our own: a reader that is late does not move what follows."""
    clock = 100.0
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal clock
        slept.append(round(seconds, 6))
        clock += seconds

    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock)
    monkeypatch.setattr("providers.adapters.rehearsal.asyncio.sleep", sleep)
    async for event in Rehearsal().stream(asking("pace=10 tokens=5 wait=1")):
        if isinstance(event, TextDelta) and len(slept) == 2:
            clock += 0.25
    assert slept == [1.0, 0.1, 0.0, 0.0, 0.05]


@pytest.mark.asyncio
async def test_its_other_doors() -> None:
    provider = Rehearsal()
    assert await provider.health_check()
    for model in await provider.get_models():
        read_script(model)


def test_every_fault_is_a_provider_error() -> None:
    assert all(issubclass(kind, ProviderError) for kind, _ in FAULTS.values())
