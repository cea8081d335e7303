"""A reply that is cut off at an awkward moment: after its last event, while its end is stored, before its turn."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from django.db import OperationalError, connection

from conversations import runner
from conversations.actions.claims import beat, claim_round
from conversations.actions.messages import post_message
from conversations.actions.replies import BegunTurn, Fence, begin_turn, end_reply
from conversations.choices import EndReason, RoundState, TurnState, VersionState, Wish
from conversations.models import Participant, Round, Turn, Version
from conversations.replies import Cause, Checkpointer, Script, Speech, speech
from conversations.rounds import RunningRound
from conversations.runner import Runner
from providers import database
from providers.database import in_database, writing
from providers.events import Finished, FinishReason, StreamEvent, TextDelta

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


class Unfiltered:
    """Lets everything through."""

    ended = passed = False

    def feed(self, text: str) -> str:
        return text

    def close(self, *, cut: bool) -> str:
        return ""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PAUSES", (0.0, 0.0))


@pytest_asyncio.fixture
async def checkpointer() -> AsyncIterator[Checkpointer]:
    made = Checkpointer(0.02)
    yield made
    made.close()
    in_database.close()


@pytest_asyncio.fixture
async def running(owner: Participant) -> Round:
    def claimed() -> Round:
        post_message(author=owner, text="Well?")
        assert claim_round(Round.objects.get().pk, uuid.uuid4())
        return Round.objects.get()

    return await in_database(claimed)


@pytest_asyncio.fixture
async def script(running: Round, first_ai: Participant) -> Script:
    assert running.owner is not None
    fence = Fence(running.conversation_id, running.pk, running.owner, first_ai.pk)
    turn = await in_database(begin_turn, fence, why={}, recipe={})
    assert isinstance(turn, BegunTurn)
    anything: Any = None
    plain: Any = Unfiltered()
    return Script(fence, turn, order=anything, opener="", filter=plain, model_id=anything, model_name="m")


class Service:
    """Says two words and ends; its call is settled only when the test lets it."""

    def __init__(self) -> None:
        self.ended, self.settled = asyncio.Event(), asyncio.Event()

    async def __call__(self, order: object) -> AsyncIterator[StreamEvent]:
        try:
            yield TextDelta("All said.")
            yield Finished(FinishReason.STOP)
        finally:
            self.ended.set()
            await self.settled.wait()


@pytest_asyncio.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service()
    monkeypatch.setattr(speech, "metered", made)
    return made


@pytest.mark.parametrize("cause", [Cause.STOP, Cause.DRAIN])
async def test_what_is_whole_is_not_called_cut_off(
    script: Script, checkpointer: Checkpointer, service: Service, cause: Cause
) -> None:
    spoken = Speech(script, checkpointer)
    task = asyncio.create_task(spoken.run())
    await service.ended.wait()
    spoken.cut(cause)
    service.settled.set()
    assert (await task).state == VersionState.COMPLETE
    assert await in_database(lambda: Version.objects.get(turn=script.turn.id).state) == VersionState.COMPLETE
    assert checkpointer.live_replies == 0


async def test_the_end_is_stored_after_a_short_outage(
    script: Script, checkpointer: Checkpointer, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.settled.set()
    tries = []

    def flaky(*args: Any) -> bool:
        tries.append(args)
        if len(tries) < 3:
            raise OperationalError("database is locked")
        return end_reply(*args)

    monkeypatch.setattr(speech, "end_reply", flaky)
    await Speech(script, checkpointer).run()
    version = await in_database(lambda: Version.objects.get(turn=script.turn.id))
    assert (version.state, version.text) == (VersionState.COMPLETE, "All said.")


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (lambda it: (it.drain(), it.hear(Wish.STOP)), EndReason.STOPPED),
        (lambda it: (it.hear(Wish.STOP), it.drain()), EndReason.STOPPED),
        (lambda it: (it.hear(Wish.PAUSE), it.hear(Wish.END)), EndReason.OVERTAKEN),
        (lambda it: (it.hear(Wish.END), it.hear(Wish.PAUSE)), EndReason.OVERTAKEN),
    ],
)
async def test_the_strongest_wish_holds_in_any_order(
    running: Round, checkpointer: Checkpointer, cut: Callable[[RunningRound], object], reason: EndReason
) -> None:
    assert running.owner is not None
    mine = RunningRound(running.pk, running.conversation_id, running.owner, checkpointer)
    cut(mine)
    await mine.run()
    assert await in_database(lambda: Round.objects.get().reason) == reason


async def test_a_wish_that_comes_while_a_turn_is_prepared_cuts_it(
    running: Round, checkpointer: Checkpointer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpointer does not tick here, so nobody says it a second time."""
    assert running.owner is not None
    mine = RunningRound(running.pk, running.conversation_id, running.owner, checkpointer)
    loop = asyncio.get_running_loop()

    def begin_and_hear(*args: Any, **kwargs: Any) -> BegunTurn | None:
        turn = begin_turn(*args, **kwargs)
        loop.call_soon_threadsafe(mine.hear, Wish.STOP)
        return turn

    monkeypatch.setattr("conversations.rounds.begin_turn", begin_and_hear)
    await asyncio.wait_for(mine.run(), 10)
    assert await in_database(lambda: Turn.objects.get().state) == TurnState.STOPPED


async def test_a_round_claimed_while_the_process_drains_is_not_left_running(
    owner: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, claiming = asyncio.get_running_loop(), asyncio.Event()
    draining = asyncio.Event()

    def slow_claim(round_id: int, mine: uuid.UUID) -> bool:
        loop.call_soon_threadsafe(claiming.set)
        asyncio.run_coroutine_threadsafe(draining.wait(), loop).result(10)
        return claim_round(round_id, mine)

    monkeypatch.setattr(runner, "claim_round", slow_claim)
    await in_database(post_message, author=owner, text="Well?")
    running = Runner()
    running.start()
    await asyncio.wait_for(claiming.wait(), 10)
    loop.call_later(0.05, draining.set)
    await running.drain()
    await asyncio.to_thread(in_database.close)  # whatever is still under way in a thread
    assert await in_database(lambda: Round.objects.get().state) != RoundState.RUNNING
    in_database.close()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's writers queue for one lock")
async def test_a_beat_waits_for_no_row(running: Round) -> None:
    """It locks rounds of many rooms and no clock: waiting for one could close a circle."""
    assert running.owner is not None
    held, let_go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        with writing():
            Round.objects.select_for_update().get(pk=running.pk)
            loop.call_soon_threadsafe(held.set)
            let_go.wait(20)

    holding = asyncio.ensure_future(in_database(hold))
    await held.wait()
    try:
        await asyncio.wait_for(in_database(beat, [running.owner]), 10)
    finally:
        let_go.set()
        await holding


async def test_one_round_that_cannot_be_taken_over_does_not_keep_the_others(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.STALE_SECONDS = 0
    taken = []

    def broken(round_id: int, *_: object) -> bool:
        if round_id == 1:
            raise OperationalError("no")
        taken.append(round_id)
        return True

    monkeypatch.setattr(runner, "take_over", broken)
    monkeypatch.setattr(runner, "_running_rounds", lambda: {1: (uuid.uuid4(), 0), 2: (uuid.uuid4(), 0)})
    monkeypatch.setattr(runner.Sweep, "look", lambda self, running, own: list(running))
    sweeping = Runner()
    await sweeping._sweep_once()
    assert taken == [2]
    in_database.close()
