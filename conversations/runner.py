"""Runs rounds: claims those that wait, keeps its own alive, sweeps the dead, drains at the end."""

import asyncio
import contextlib
import contextvars
import logging
import time
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from conversations import dispatch
from conversations.actions.claims import abandon_orphans, beat, claim_round, take_over
from conversations.actions.messages import wipe_deleted
from conversations.choices import RoundState
from conversations.models import Round
from conversations.replies import Checkpointer
from conversations.rounds import RunningRound
from providers.actions import abandon_calls_without_turn
from providers.database import in_database

logger = logging.getLogger(__name__)

LOOKS_BEFORE_TAKING_OVER = 3
DRAIN_SECONDS = 8.0


@dataclass(slots=True)
class Seen:
    """A running round as the sweep has seen it: since when (own monotonic clock) its beat stands still."""

    owner: uuid.UUID | None
    beat: int
    since: float
    looks: int = 1


class Sweep:
    """Finds rounds whose owner is dead. Compares beats with its own monotonic clock alone, so no machine's
    clock is compared with another's."""

    def __init__(self, stale_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stale = stale_seconds
        self._clock = clock
        self._seen: dict[int, Seen] = {}

    def look(self, running: dict[int, tuple[uuid.UUID | None, int]], own: set[uuid.UUID]) -> list[int]:
        """Take one successful look at all running rounds; returns those that are dead."""
        now, seen = self._clock(), {}
        for round_id, (owner, count) in running.items():
            if owner in own:
                continue
            before = self._seen.get(round_id)
            if before is None or (before.owner, before.beat) != (owner, count):
                seen[round_id] = Seen(owner, count, now)
            else:
                seen[round_id] = Seen(owner, count, before.since, before.looks + 1)
        self._seen = seen
        return [pk for pk, one in seen.items() if self._is_dead(one, now)]

    def _is_dead(self, one: Seen, now: float) -> bool:
        return one.looks >= LOOKS_BEFORE_TAKING_OVER and now - one.since >= self._stale


class Runner:
    """One a process. `start()` and `drain()` on the process's event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._checkpointer = Checkpointer(settings.CHECKPOINT_SECONDS)
        self._sweep = Sweep(settings.STALE_SECONDS)
        self._rounds: dict[asyncio.Task[None], RunningRound] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._claiming = asyncio.Lock()
        self._work = asyncio.Event()
        self._work.set()
        self._draining = False

    def start(self) -> None:
        dispatch.register(self.wake)
        for forever in (
            self._checkpointer.run(),
            self._claim_forever(),
            self._repeat(settings.BEAT_SECONDS, self._beat),
            self._repeat(settings.SWEEP_SECONDS, self._sweep_once),
        ):
            self._tasks.append(self._spawn(forever))

    def wake(self) -> None:
        """Look for waiting rounds now. May be called from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has just ended: a command must not fail for that
            self._loop.call_soon_threadsafe(self._work.set)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # An empty context: asgiref keeps a request's thread in the context that a task would inherit,
        # and that thread is gone when the request is over.
        return self._loop.create_task(work, context=contextvars.Context())

    async def _repeat(self, seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                await work()
            except Exception:
                logger.exception("%s failed; it is tried again", work.__name__)
            await asyncio.sleep(seconds)

    async def _claim_forever(self) -> None:
        while True:
            # a round that another process made rings no bell here
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._work.wait(), settings.TICK_SECONDS)
            self._work.clear()
            try:
                async with self._claiming:
                    await self._claim_waiting()
            except Exception:
                logger.exception("claiming failed; it is tried again")

    @property
    def _room(self) -> int:
        return int(settings.LIVE_REPLIES) - len(self._rounds)

    async def _claim_waiting(self) -> None:
        if self._draining or self._room <= 0:
            return
        waiting = await in_database(_waiting_rounds, self._room)
        in_flight = asyncio.Semaphore(settings.CLAIMS_IN_FLIGHT)

        async def claim(round_id: int, conversation_id: int) -> None:
            async with in_flight:
                owner = uuid.uuid4()
                if self._draining or not await in_database(claim_round, round_id, owner):
                    return
                self._run(RunningRound(round_id, conversation_id, owner, self._checkpointer))

        await asyncio.gather(*(claim(*row) for row in waiting))

    def _run(self, round_: RunningRound) -> None:
        task = self._spawn(round_.run())
        self._rounds[task] = round_
        task.add_done_callback(self._ended)
        if self._draining:
            round_.drain()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._rounds.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a round could not be ended; the sweep will", exc_info=error)
        self._work.set()

    async def _beat(self) -> None:
        owners = sorted(round_.owner for round_ in self._rounds.values())
        if owners:
            await in_database(beat, owners)

    async def _sweep_once(self) -> None:
        running = await in_database(_running_rounds)
        own = {round_.owner for round_ in self._rounds.values()}
        for round_id in sorted(self._sweep.look(running, own)):
            await self._take_over(round_id, *running[round_id])
        await in_database(wipe_deleted)
        await in_database(abandon_orphans)
        await in_database(abandon_calls_without_turn)

    async def _take_over(self, round_id: int, owner: uuid.UUID | None, count: int) -> None:
        try:
            if await in_database(take_over, round_id, owner, count):
                logger.warning("round %s was left by a dead process and is ended", round_id)
        except Exception:
            # one that cannot be ended must not keep the others, nor the rest of the sweep, waiting for ever
            logger.exception("round %s could not be taken over; it is tried again", round_id)

    async def drain(self) -> None:
        """Take no new rounds, save what was said so far, and end; bounded by DRAIN_SECONDS."""
        self._draining = True
        dispatch.unregister(self.wake)
        for round_ in list(self._rounds.values()):
            round_.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                async with self._claiming:  # a claim in its thread cannot be called back; its round is drained too
                    while self._rounds:
                        await asyncio.wait(list(self._rounds))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._checkpointer.close()


def _waiting_rounds(most: int) -> list[tuple[int, int]]:
    return list(Round.objects.waiting().values_list("pk", "conversation_id")[:most])


def _running_rounds() -> dict[int, tuple[uuid.UUID | None, int]]:
    rows = Round.objects.filter(state=RoundState.RUNNING).values_list("pk", "owner", "beat")
    return {pk: (owner, count) for pk, owner, count in rows}


_runner: Runner | None = None


async def start() -> None:
    """Start this process's runner, once."""
    global _runner
    if _runner is None:
        _runner = Runner()
        _runner.start()


async def drain() -> None:
    global _runner
    if _runner is not None:
        runner, _runner = _runner, None
        await runner.drain()
