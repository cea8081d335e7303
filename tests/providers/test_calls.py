"""The one door for calls: what is let through, tried again, counted, and settled whatever happens."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import respx
from django.db import OperationalError, connection
from django.utils import timezone

from providers import actions
from providers.base import AIProvider
from providers.calls import CallOrder, SwitchedOff, metered
from providers.calls import stream as call_stream
from providers.calls.waiting import cooling_after, pause_before_retry, surely
from providers.database import in_database
from providers.errors import (
    AuthenticationFailed,
    ContextTooLong,
    MissingKey,
    ModelNotFound,
    OutOfCredit,
    PriceUnknown,
    ProviderError,
    RateLimitExceeded,
    ServiceUnavailable,
    StopLineReached,
    StreamInterrupted,
    TimedOut,
)
from providers.events import Finished, FinishReason, ParameterRefused, ReasoningDelta, StreamEvent, TextDelta, Usage
from providers.models import AIModel, Allowance, Balance, Call, CallState, Period, ProviderConfig

from .conftest import ANSWER, REQUEST, Scripted, order_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]

type Plays = Callable[..., Scripted]


async def heard(order: CallOrder) -> list[StreamEvent]:
    async with aclosing(metered(order)) as events:
        return [event async for event in events]


async def the_call() -> Call:
    return await in_database(Call.objects.get)


async def reserved() -> Decimal:
    return await in_database(lambda: Balance.objects.get(period=Period.DAY).reserved)


async def change(row: Any, **fields: Any) -> None:
    await in_database(lambda: type(row).objects.filter(pk=row.pk).update(**fields))


# ---- The plain way


async def test_events_pass_and_the_call_is_booked(
    order: CallOrder, plays: Plays, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = plays()
    with caplog.at_level(logging.INFO, "providers.calls"):
        assert await heard(order) == list(ANSWER)
    call = await the_call()
    assert (call.state, call.input_tokens, call.output_tokens, call.estimated) == (CallState.SETTLED, 12, 3, False)
    assert call.cost == Decimal("0.000081")
    assert (call.conversation_key, call.turn_key, call.purpose) == ("room", "turn", "reply")
    assert call.first_text_ms is not None
    assert call.total_ms >= call.first_text_ms
    assert await reserved() == 0
    assert adapter.closed == 1
    (line,) = [record for record in caplog.records if record.name.startswith("providers.calls")]
    assert (line.call, line.turn, line.provider, line.model) == (str(call.key), "turn", "Example", "model-1")
    assert "sandwich" not in repr(vars(line))


async def test_while_it_streams_the_forecast_is_reserved(order: CallOrder, plays: Plays) -> None:
    plays()
    async with aclosing(metered(order)) as events:
        await anext(events)
        call = await the_call()
        assert call.state == CallState.OPEN
        assert await reserved() == call.forecast > Decimal("0.0015")


async def test_missing_usage_is_estimated(order: CallOrder, plays: Plays) -> None:
    plays([ReasoningDelta("hm " * 10), TextDelta("word " * 60), Finished(FinishReason.STOP)])
    await heard(order)
    call = await the_call()
    assert (call.estimated, call.reasoning_tokens, call.output_tokens) == (True, 11, 112)
    assert call.input_tokens > 0
    assert call.cost > 0


async def test_refused_fields_are_learned_and_left_out(order: CallOrder, model: AIModel, plays: Plays) -> None:
    adapter = plays([ParameterRefused("min_p"), *ANSWER])
    await heard(order)
    await heard(order)
    assert [request.refused for request in adapter.requests] == [frozenset(), {"min_p"}]


async def test_service_health_is_noted(order: CallOrder, provider: ProviderConfig, plays: Plays) -> None:
    plays(ANSWER, [ContextTooLong("too long")])
    await heard(order)
    with pytest.raises(ContextTooLong):
        await heard(order)
    await in_database(provider.refresh_from_db)
    assert provider.last_ok is not None
    assert provider.last_error == "ContextTooLong: too long"


# ---- What is not let through


@pytest.mark.parametrize(
    ("row", "fields", "error"),
    [
        ("model", {"enabled": False}, SwitchedOff),
        ("model", {"retired_at": timezone.now()}, ModelNotFound),
        ("provider", {"enabled": False}, SwitchedOff),
    ],
)
async def test_rows_that_are_off(
    order: CallOrder,
    model: AIModel,
    provider: ProviderConfig,
    plays: Plays,
    row: str,
    fields: dict[str, Any],
    error: type[ProviderError],
) -> None:
    adapter = plays()
    await change({"model": model, "provider": provider}[row], **fields)
    with pytest.raises(error):
        await heard(order)
    assert not adapter.requests
    assert not await in_database(Call.objects.exists)


async def test_a_model_that_is_gone(order: CallOrder, model: AIModel) -> None:
    await in_database(model.delete)
    with pytest.raises(ModelNotFound):
        await heard(order)


async def test_a_change_holds_from_the_next_call_on(order: CallOrder, model: AIModel, plays: Plays) -> None:
    plays()
    async with aclosing(metered(order)) as events:
        await anext(events)
        await change(model, enabled=False)
        rest = [event async for event in events]
    assert rest[-1] == Finished(FinishReason.STOP)
    with pytest.raises(SwitchedOff):
        await heard(order)


@pytest.mark.parametrize("ring", [[], ["zH8Zk0mYv3mFf3eW5dT8i1G4pQ9cR2uXs7oLbVnKjA0="]])
async def test_a_key_that_no_ring_opens_is_missing(
    order: CallOrder, provider: ProviderConfig, settings: Any, ring: list[str]
) -> None:
    await in_database(actions.save_key, provider, "sk-a-secret-of-the-tests-9876")
    settings.CHIMERA_ENCRYPTION_KEYS = ring
    with pytest.raises(MissingKey) as caught:
        await heard(order)
    assert "gAAAA" not in repr(caught.value)


async def test_the_stop_line_refuses_before_anything_is_sent(
    order: CallOrder, stop_line: Allowance, plays: Plays
) -> None:
    adapter = plays()
    await change(stop_line, money_limit=Decimal("0.0001"))
    with pytest.raises(StopLineReached) as caught:
        await heard(order)
    assert "spending limit of this site is reached" in caught.value.sentence
    assert not adapter.requests
    assert not await in_database(Call.objects.exists)


async def test_an_unknown_price_is_refused_but_not_at_home(
    order: CallOrder, model: AIModel, provider: ProviderConfig, plays: Plays
) -> None:
    plays()
    await change(model, input_price=None, output_price=None)
    with pytest.raises(PriceUnknown):
        await heard(order)
    await change(provider, base_url="http://127.0.0.1:8080/v1")
    await heard(order)
    assert (await the_call()).cost == 0


async def test_fifty_at_once_cannot_overspend(order: CallOrder, stop_line: Allowance, plays: Plays) -> None:
    adapter = plays(*[[TextDelta("x"), Usage(input=20, output=100), Finished(FinishReason.STOP)]] * 50)
    await change(stop_line, money_limit=Decimal("0.01"))
    results = await asyncio.gather(*(heard(order) for _ in range(50)), return_exceptions=True)
    spent = await in_database(lambda: Balance.objects.get(period=Period.DAY))
    assert spent.reserved == 0
    assert spent.spent <= Decimal("0.01")
    assert sum(isinstance(result, StopLineReached) for result in results) == 50 - len(adapter.requests)
    assert len(adapter.requests) == 6


# ---- Trying again


async def test_tried_again_before_the_first_text(order: CallOrder, plays: Plays, pauses: list[float]) -> None:
    adapter = plays([ServiceUnavailable(status=503)], [TimedOut()], ANSWER)
    assert await heard(order) == list(ANSWER)
    assert len(adapter.requests) == adapter.closed == 3
    assert 0.25 <= pauses[0] <= 0.5 <= pauses[1] <= 1
    assert (await the_call()).state == CallState.SETTLED


async def test_given_up_after_two_retries(order: CallOrder, plays: Plays, pauses: list[float]) -> None:
    adapter = plays(*[[ServiceUnavailable(f"try {number}", status=503)] for number in range(5)])
    with pytest.raises(ServiceUnavailable):
        await heard(order)
    assert len(adapter.requests) == 3
    call = await the_call()
    assert (call.state, call.error, call.error_detail) == (CallState.FAILED, "ServiceUnavailable", "try 2")
    assert (call.cost, call.input_tokens, await reserved()) == (0, 0, 0)


@pytest.mark.parametrize("first", [TextDelta("No"), ReasoningDelta("hm")])
async def test_never_after_something_was_heard(
    order: CallOrder, plays: Plays, pauses: list[float], first: StreamEvent
) -> None:
    adapter = plays([first, StreamInterrupted("cut")])
    with pytest.raises(StreamInterrupted):
        await heard(order)
    assert (len(adapter.requests), pauses) == (1, [])
    call = await the_call()
    assert (call.state, call.estimated, call.output_tokens) == (CallState.FAILED, True, 1)
    assert call.cost > 0


@pytest.mark.parametrize("error", [OutOfCredit(status=429), ContextTooLong(), RateLimitExceeded(retry_after=121)])
async def test_what_does_not_pass_by_itself_is_not_tried_again(
    order: CallOrder, plays: Plays, pauses: list[float], error: ProviderError
) -> None:
    adapter = plays([error])
    with pytest.raises(type(error)):
        await heard(order)
    assert (len(adapter.requests), pauses) == (1, [])


async def test_a_stream_without_its_end_is_interrupted(order: CallOrder, plays: Plays) -> None:
    plays([TextDelta("No")])
    with pytest.raises(StreamInterrupted):
        await heard(order)


async def test_a_cut_stream_books_more_than_its_first_count(order: CallOrder, plays: Plays) -> None:
    plays([Usage(input=40, output=1), TextDelta("word " * 60), StreamInterrupted()])
    with pytest.raises(StreamInterrupted):
        await heard(order)
    call = await the_call()
    assert (call.input_tokens, call.output_tokens, call.estimated) == (40, 101, True)


async def test_a_defect_of_an_adapter_is_a_provider_error_without_words(
    order: CallOrder, plays: Plays, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = plays([TextDelta("No"), ValueError("sk-secret said hot dog")])
    with pytest.raises(ServiceUnavailable) as caught:
        await heard(order)
    assert caught.value.detail == "A defect of the adapter: ValueError."
    assert caught.value.__suppress_context__
    assert "hot dog" not in caplog.text
    assert len(adapter.requests) == 1
    assert (await the_call()).state == CallState.FAILED


async def test_pauses() -> None:
    down = ServiceUnavailable()
    assert [pause_before_retry(down, retries) is None for retries in range(4)] == [False, False, True, True]
    assert pause_before_retry(RateLimitExceeded(retry_after=120), 0) == 120
    assert pause_before_retry(RateLimitExceeded(retry_after=120.5), 0) is None
    assert cooling_after(RateLimitExceeded(retry_after=600), 0) == 600
    assert 0 < cooling_after(RateLimitExceeded(), 0) <= 0.5


# ---- Cooling, and places


async def test_a_limit_cools_the_service_for_everybody(
    order: CallOrder, provider: ProviderConfig, plays: Plays, pauses: list[float]
) -> None:
    plays([RateLimitExceeded(retry_after=600)])
    with pytest.raises(RateLimitExceeded):
        await heard(order)
    await in_database(provider.refresh_from_db)
    assert timedelta(minutes=9) < provider.cooling_until - timezone.now() < timedelta(minutes=11)
    with pytest.raises(RateLimitExceeded) as caught:
        await heard(order)
    assert 590 < caught.value.retry_after <= 600
    assert pauses == []


async def test_a_short_cooling_is_waited_for(
    order: CallOrder, provider: ProviderConfig, plays: Plays, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays()
    await in_database(actions.note_cooling, provider.pk, 60)
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)
        assert not await in_database(Call.objects.exists)
        await change(provider, cooling_until=timezone.now())

    monkeypatch.setattr("providers.calls.waiting.sleep", sleep)
    await heard(order)
    assert len(asked) == 1
    assert 50 < asked[0] <= 60


async def test_one_service_does_not_stall_another(order: CallOrder, provider: ProviderConfig, plays: Plays) -> None:
    plays()
    other = await in_database(ProviderConfig.objects.create, kind="openai_compatible", label="Other")
    model = await in_database(
        AIModel.objects.create, provider=other, model_id="m", input_price=Decimal(1), output_price=Decimal(1)
    )
    await in_database(actions.note_cooling, provider.pk, 600)
    assert await heard(order_for(model)) == list(ANSWER)


async def test_no_more_at_once_than_there_are_places(order: CallOrder, provider: ProviderConfig, plays: Plays) -> None:
    await change(provider, concurrency=2)
    begun, ended = 0, asyncio.Semaphore(0)

    async def work() -> None:
        nonlocal begun
        begun += 1
        await ended.acquire()

    adapter = plays(*[[work, *ANSWER]] * 6)
    tasks = [asyncio.create_task(heard(order)) for _ in range(6)]
    for done in range(6):
        await until(lambda done=done: begun == min(done + 2, 6))
        assert await in_database(Call.objects.filter(state=CallState.OPEN).count) <= 2
        ended.release()
    await asyncio.gather(*tasks)
    assert len(adapter.requests) == 6


async def test_who_waits_for_a_place_reserves_nothing_and_sees_the_rows_anew(
    order: CallOrder, provider: ProviderConfig, model: AIModel, plays: Plays
) -> None:
    await change(provider, concurrency=1)
    adapter = plays()
    async with aclosing(metered(order)) as events:
        await anext(events)
        second = asyncio.create_task(heard(order))
        third = asyncio.create_task(heard(order))
        await in_database(lambda: None)
        await asyncio.sleep(0.05)
        assert await in_database(Call.objects.count) == 1
        third.cancel()
        await change(model, enabled=False)
    with pytest.raises(SwitchedOff):
        await second
    with pytest.raises(asyncio.CancelledError):
        await third
    assert len(adapter.requests) == 1


# ---- Whatever happens, it is settled


async def test_a_caller_who_stops_listening(order: CallOrder, plays: Plays) -> None:
    adapter = plays()
    async with aclosing(metered(order)) as events:
        async for event in events:
            if event == TextDelta("No"):
                break
    call = await the_call()
    assert (call.state, call.error, call.estimated, call.output_tokens) == (CallState.SETTLED, "", True, 1)
    assert (await reserved(), adapter.closed) == (0, 1)


async def never() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("script", [[never], [TextDelta("No"), never], [*ANSWER[:3], never]])
async def test_a_cancelled_task(order: CallOrder, plays: Plays, script: list[object]) -> None:
    adapter = plays(script)
    task = asyncio.create_task(heard(order))
    await until(lambda: bool(adapter.requests))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    call = await the_call()
    assert (call.state, call.error) == (CallState.SETTLED, "")
    assert call.input_tokens > 0
    assert (await reserved(), adapter.closed) == (0, 1)


async def test_cancelled_again_and_again_while_it_is_settled(order: CallOrder, plays: Plays) -> None:
    adapter = plays([never])
    task = asyncio.create_task(heard(order))
    await until(lambda: bool(adapter.requests))
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    assert task.cancelled()
    assert (await the_call()).state == CallState.SETTLED


@pytest.mark.parametrize("steps", [1, 4, 9, 16, 25])
async def test_cancelled_at_any_moment_no_call_stays_open(order: CallOrder, plays: Plays, steps: int) -> None:
    plays()
    task = asyncio.create_task(heard(order))
    for _ in range(steps):
        await asyncio.sleep(0.0005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not await in_database(Call.objects.filter(state=CallState.OPEN).exists)


async def test_cancelled_in_a_pause(order: CallOrder, plays: Plays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.calls.waiting.sleep", lambda seconds: never())
    adapter = plays([ServiceUnavailable()])
    task = asyncio.create_task(heard(order))
    await until(lambda: adapter.closed == 1)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await the_call()).state == CallState.SETTLED


async def test_a_short_outage_of_the_database_is_outlived(
    order: CallOrder, plays: Plays, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    plays()
    failures = [OperationalError("gone"), OperationalError("gone")]
    real = call_stream.Meter.settle

    def settle(meter: Any, error: ProviderError | None) -> None:
        if failures:
            raise failures.pop()
        real(meter, error)

    monkeypatch.setattr(call_stream.Meter, "settle", settle)
    await heard(order)
    assert pauses == [0.5, 1.0]
    assert (await the_call()).state == CallState.SETTLED


async def test_surely_hands_on_result_error_and_cancellation() -> None:
    async def fail() -> None:
        raise ValueError

    await surely(asyncio.sleep(0))
    with pytest.raises(ValueError):
        await surely(fail())
    done = False

    async def work() -> None:
        nonlocal done
        await asyncio.sleep(0.01)
        done = True
        raise ValueError

    task = asyncio.create_task(surely(work()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done


# ---- An outside class that knows only the guide's contract


class Guest(AIProvider):
    def __init__(self, words: list[str]) -> None:
        super().__init__("guest", {})
        self.words = words
        self.asked: dict[str, Any] = {}

    async def chat(self, messages: list[dict[str, str]], stream: bool = False, **kwargs: Any) -> AsyncGenerator[str]:
        self.asked = {"messages": messages, "stream": stream, **kwargs}
        for word in self.words:
            yield word

    async def get_models(self) -> list[str]:
        return ["guest-1"]

    async def health_check(self) -> bool:
        return True


async def test_a_guest_is_heard_and_estimated(order: CallOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest(["Good ", "day."])
    monkeypatch.setattr(call_stream, "adapter_for", lambda provider: guest)
    assert await heard(order) == [TextDelta("Good "), TextDelta("day."), Finished(FinishReason.STOP, "model-1")]
    assert guest.asked["messages"] == [{"role": "user", "content": REQUEST.messages[0].content}]
    assert (guest.asked["model"], guest.asked["max_tokens"], guest.asked["stream"]) == ("model-1", 100, True)
    call = await the_call()
    assert (call.estimated, call.output_tokens) == (True, 4)


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  (the fake has no event to wait for)
            await asyncio.sleep(0.001)


# ---- The whole way, over the wire


CHUNKS = (
    'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"No"}}]}\n\n'
    'data: {"choices":[{"index":0,"delta":{"content":"pe."},"finish_reason":"stop"}]}\n\n'
    'data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3}}\n\n'
    "data: [DONE]\n\n"
)


async def test_a_key_travels_in_the_header_and_stands_nowhere_else(
    order: CallOrder, provider: ProviderConfig, caplog: pytest.LogCaptureFixture
) -> None:
    key = "sk-a-secret-of-the-tests-9876"
    await in_database(actions.save_key, provider, key)
    with caplog.at_level(logging.DEBUG), respx.mock(using="httpx") as service:
        route = service.post("https://api.example.org/v1/chat/completions")
        route.respond(200, headers={"content-type": "text/event-stream"}, text=CHUNKS)
        assert await heard(order) == [
            TextDelta("No"),
            TextDelta("pe."),
            Usage(input=12, output=3),
            Finished(FinishReason.STOP),
        ]
        assert route.calls.last.request.headers["authorization"] == f"Bearer {key}"
        route.respond(401, json={"error": {"message": f"Incorrect API key provided: {key}"}})
        with pytest.raises(AuthenticationFailed) as caught:
            await heard(order)
    assert key not in caplog.text + repr(caught.value) + caught.value.detail
    assert key not in await in_database(everything_stored)
    assert await in_database(lambda: list(Call.objects.values_list("state", flat=True))) == ["settled", "failed"]


def everything_stored() -> str:
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows += cursor.fetchall()
    return repr(rows)
