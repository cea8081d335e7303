"""The adapter of the practice model: against a scripted child, and against the real one."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import respx

from providers import http, practice
from providers.adapters import builtin
from providers.adapters.builtin import Builtin
from providers.errors import ContextTooLong, ServiceUnavailable, TimedOut
from providers.events import Finished, FinishReason, TextDelta, Usage
from providers.practice import Address, PracticeModel
from providers.request import ChatMessage, ChatRequest

ADDRESS = Address("http://127.0.0.1:4096/v1", "secret-key", 1)
URL = "http://127.0.0.1:4096/v1/chat/completions"
REQUEST = ChatRequest(
    model="anything",
    messages=(ChatMessage("user", "Plan a picnic."), ChatMessage("assistant", "Ha! My dog")),
    max_output=24,
    temperature=0.8,
    stop=("\n[",),
    extra={"min_p": 0.1, "top_k": 40, "dry_multiplier": 0.8, "dry_penalty_last_n": 256, "seed": 7},
    stream=False,
)


def chunk(text: str | None, finish: str | None = None) -> str:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({'model': practice.MODEL_ID, 'choices': [choice]})}\n\n"


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> PracticeModel:
    """A practice model that is always ready."""
    model = PracticeModel(tmp_path)

    async def ready() -> Address:
        return ADDRESS

    monkeypatch.setattr(model, "ready", ready)
    monkeypatch.setattr(practice, "shared", lambda: model)
    return model


@pytest.fixture
def server(child: PracticeModel) -> Iterator[respx.Route]:
    """The child's answer, to be scripted."""
    with respx.mock(using="httpx", assert_all_called=False) as router:
        yield router.post(URL)


@pytest_asyncio.fixture
async def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[PracticeModel]:
    model = PracticeModel(tmp_path, beat=0.1)
    monkeypatch.setattr(practice, "shared", lambda: model)
    yield model
    await model.close()
    await http.close_clients()


async def events_of(request: ChatRequest = REQUEST) -> list[Any]:
    async with aclosing(Builtin().stream(request)) as events:
        return [event async for event in events]


def text_of(events: list[Any]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.asyncio
async def test_it_always_streams_on_a_connection_of_its_own(server: respx.Route) -> None:
    body = chunk(" ran") + chunk(" off.") + chunk(None, "stop") + "data: [DONE]\n\n"
    server.respond(text=body, content_type="text/event-stream")
    events = await events_of()
    assert text_of(events) == " ran off."
    assert [event.reason for event in events if isinstance(event, Finished)] == [FinishReason.STOP]
    sent = server.calls.last.request
    wire = json.loads(sent.content)
    assert wire["stream"] is True
    assert wire["model"] == practice.MODEL_ID
    assert wire["max_tokens"] == 24
    assert wire["min_p"] == 0.1
    assert wire["messages"][-1] == {"role": "assistant", "content": "Ha! My dog"}
    assert sent.headers["authorization"] == "Bearer secret-key"
    assert sent.headers["connection"] == "close"


@pytest.mark.asyncio
async def test_a_child_that_died_is_a_fault_that_may_be_tried_again(server: respx.Route) -> None:
    server.mock(side_effect=httpx.ConnectError("refused"))
    with pytest.raises(ServiceUnavailable) as caught:
        await events_of()
    assert caught.value.retryable


@pytest.mark.asyncio
async def test_a_silent_child_is_doubted(
    child: PracticeModel, server: respx.Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silence(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(builtin, "LONGEST_SILENCE", 0.01)
    server.mock(side_effect=silence)
    with pytest.raises(TimedOut):
        await events_of()
    assert child._doubted


@pytest.mark.asyncio
async def test_without_its_package_it_offers_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PracticeModel, "reason", staticmethod(lambda: "No package."))
    assert await Builtin().get_models() == []
    monkeypatch.setattr(practice, "_shared", None)
    assert not await Builtin().health_check()


@pytest.mark.model
@pytest.mark.asyncio
async def test_the_real_model_goes_on_from_the_words_it_was_given(real: PracticeModel) -> None:
    events = await events_of()
    text = text_of(events)
    assert text
    assert "Ha! My dog" not in text
    assert [type(event) for event in events[-2:]] == [Usage, Finished]
    usage = events[-2]
    assert 0 < usage.output <= 24
    assert await Builtin().get_models() == [practice.MODEL_ID]
    assert await Builtin().health_check()


@pytest.mark.model
@pytest.mark.asyncio
async def test_replies_closed_early_do_not_harm_those_that_follow(real: PracticeModel) -> None:
    async def reply(number: int) -> str:
        async with aclosing(Builtin().stream(REQUEST)) as events:
            async for event in events:
                if isinstance(event, TextDelta) and number % 2:
                    return event.text
                if isinstance(event, Finished):
                    return event.reason
        return ""

    assert all(await asyncio.gather(*(reply(number) for number in range(16))))
    assert real.waiting == 0


@pytest.mark.model
@pytest.mark.asyncio
async def test_more_than_it_can_hold_is_told_as_such(real: PracticeModel) -> None:
    with pytest.raises(ContextTooLong):
        await events_of(ChatRequest(model="", messages=(ChatMessage("user", "a long story " * 800),)))
