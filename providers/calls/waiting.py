"""When a call may go out: a free place, a service that is not to be left alone, a pause before another try."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakKeyDictionary

from providers.calls.order import Route, find_route
from providers.database import in_database
from providers.errors import ProviderError, RateLimitExceeded
from providers.models import ProviderConfig

MOST_RETRIES: Final = 2
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 8.0
LONGEST_WAIT: Final = 120.0
"""Seconds for which a service may ask us to wait. For longer ones the person had better know."""

sleep = asyncio.sleep

type Gates = dict[tuple[int, int], asyncio.Semaphore]
_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, Gates] = WeakKeyDictionary()


@asynccontextmanager
async def admitted(model_id: int) -> AsyncIterator[Route]:
    """A place among the provider's calls of this process, first come first served, once the service may be asked.

    Raises ModelNotFound, SwitchedOff, RateLimitExceeded.
    """
    route = await in_database(find_route, model_id)
    gate = _gate(route.provider)
    waited = gate.locked()
    async with gate:
        if waited:
            route = await in_database(find_route, model_id)
        while route.cooling:
            if route.cooling > LONGEST_WAIT:
                raise RateLimitExceeded("The service asked for a pause.", retry_after=route.cooling)
            await sleep(route.cooling)
            route = await in_database(find_route, model_id)
        yield route


def _gate(provider: ProviderConfig) -> asyncio.Semaphore:
    """Its places. Where the number was changed, calls under way still count by the former one."""
    gates = _gates.setdefault(asyncio.get_running_loop(), {})
    limit = max(provider.concurrency, 1)
    return gates.setdefault((provider.pk, limit), asyncio.Semaphore(limit))


def pause_before_retry(error: ProviderError, retries: int) -> float | None:
    """Seconds to wait before the same request is sent again after so many retries; None: it had better not be."""
    if not error.retryable or retries >= MOST_RETRIES:
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= LONGEST_WAIT else None
    return _backoff(retries)


def cooling_after(error: RateLimitExceeded, retries: int) -> float:
    """Seconds for which the service is to be left alone by everyone."""
    return _backoff(retries) if error.retry_after is None else error.retry_after


def _backoff(retries: int) -> float:
    return random.uniform(0.5, 1) * min(FIRST_PAUSE * float(2**retries), LONGEST_PAUSE)  # noqa: S311  (spreads, hides nothing)


async def surely(work: Awaitable[object]) -> None:
    """Await `work` to its end. A cancellation is taken in at once and handed on only after it."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # looked at, or asyncio complains of it
        raise cancelled
    await task
