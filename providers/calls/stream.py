"""The way of one call, from order to settlement."""

import logging
import traceback
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from django.db import DatabaseError, InterfaceError

from providers.actions import note_cooling
from providers.base import AIProvider, events_of
from providers.calls import waiting
from providers.calls.meter import Meter
from providers.calls.order import CallOrder, Route
from providers.connect import adapter_for
from providers.database import in_database
from providers.errors import ProviderError, RateLimitExceeded, ServiceUnavailable, StreamInterrupted
from providers.events import Finished, StreamEvent
from providers.request import ChatRequest

logger = logging.getLogger("providers.calls")

PAUSES_TO_SETTLE = (0.5, 1.0, 2.0)


async def metered(order: CallOrder) -> AsyncGenerator[StreamEvent]:
    """One call's events, accounted for. Use it under `contextlib.aclosing`.

    Raises ProviderErrors only. A failure before the first text that may pass by itself is tried again, twice.
    """
    async with waiting.admitted(order.model_id) as route:
        adapter = adapter_for(route.provider)
        meter = Meter(order, route)
        error: ProviderError | None = None
        try:
            await waiting.surely(in_database(meter.open))
            async with aclosing(_attempts(adapter, _request(order, route), route, meter)) as events:
                async for event in events:
                    yield event
        except ProviderError as failure:
            error = failure
            raise
        finally:
            await waiting.surely(_settled(meter, error))


async def _attempts(
    adapter: AIProvider, request: ChatRequest, route: Route, meter: Meter
) -> AsyncGenerator[StreamEvent]:
    retries = 0
    while True:
        try:
            meter.sent = True
            async with aclosing(_events(adapter, request)) as events:
                async for event in events:
                    meter.watch(event)
                    yield event
            return
        except ProviderError as error:
            if isinstance(error, RateLimitExceeded):
                await in_database(note_cooling, route.provider.pk, waiting.cooling_after(error, retries))
            pause = None if meter.spoke else waiting.pause_before_retry(error, retries)
            if pause is None:
                raise
        retries += 1
        await waiting.sleep(pause)


async def _events(adapter: AIProvider, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
    """The adapter's events to their Finished. Whatever else it raises is its defect, and said as one."""
    finished = False
    try:
        async with aclosing(events_of(adapter, request)) as events:
            async for event in events:
                finished = finished or type(event) is Finished
                yield event
    except ProviderError:
        raise
    except Exception as error:
        raise _defect(error) from None
    if not finished:
        raise StreamInterrupted("The adapter ended without saying that the answer is whole.")


class AdapterDefect(ServiceUnavailable):
    """An adapter raised what it must not. Trying again would do the same."""

    retryable = False


def _defect(error: Exception) -> AdapterDefect:
    """Its words may hold a person's or a key: kind and place must do."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    logger.error("an adapter failed: %s at %s:%s", type(error).__name__, place.filename, place.lineno)
    return AdapterDefect(f"A defect of the adapter: {type(error).__name__}.")


def _request(order: CallOrder, route: Route) -> ChatRequest:
    refused = order.request.refused | frozenset(route.model.refused_params)
    return replace(order.request, model=route.model.model_id, refused=refused)


async def _settled(meter: Meter, error: ProviderError | None) -> None:
    """Settle, through a short outage of the database too. Past it the call stays open: the sweep abandons it."""
    if meter.call is None:
        return
    for pause in (*PAUSES_TO_SETTLE, None):
        try:
            await in_database(meter.settle, error)
        except (DatabaseError, InterfaceError) as failure:
            if pause is None:
                logger.error("a call could not be settled: %s", type(failure).__name__)
            else:
                await waiting.sleep(pause)
        else:
            return
