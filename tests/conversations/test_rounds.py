"""Rounds as they run: real rows, the real ledger, the rehearsal provider, on the event loop of the test."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from conversations.actions.claims import claim_round
from conversations.actions.messages import delete_message, post_message
from conversations.actions.rounds import answer_again, start_round, stop_rounds
from conversations.choices import EndReason, TurnState, VersionState
from conversations.models import Conversation, Message, Participant, Round, Turn, Version
from conversations.replies import Checkpointer
from conversations.rounds import RunningRound
from providers.database import in_database
from providers.models import AIModel, Call, CallState

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


@pytest_asyncio.fixture
async def checkpointer() -> AsyncIterator[Checkpointer]:
    checkpointer = Checkpointer(0.02)
    task = asyncio.create_task(checkpointer.run())
    yield checkpointer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    checkpointer.close()
    in_database.close()


class Stage:
    """Drives rounds of one room by hand."""

    def __init__(self, room: Conversation, owner: Participant, checkpointer: Checkpointer) -> None:
        self.room, self.owner, self.checkpointer = room, owner, checkpointer
        self.running: RunningRound | None = None

    async def script(self, model_id: str, seat: int | None = None) -> None:
        """Give the AIs of the room (or the one in this seat of theirs) this rehearsal script."""
        await in_database(self._script, model_id, seat)

    def _script(self, model_id: str, seat: int | None) -> None:
        provider = AIModel.objects.get(model_id="pace=0 tokens=12").provider
        model, _ = AIModel.objects.get_or_create(
            provider=provider, model_id=model_id, defaults={"context": 32_000, "max_output": 2_000}
        )
        ais = list(self.room.participants.ais().order_by("seat"))
        for ai in ais if seat is None else [ais[seat]]:
            Participant.objects.filter(pk=ai.pk).update(model=model)

    async def post(self, text: str = "Well?") -> Message:
        return await in_database(post_message, author=self.owner, text=text)

    async def begin(self) -> asyncio.Task[None]:
        """Claim what waits in the room and run it."""
        waiting = await in_database(lambda: Round.objects.waiting().first())
        assert waiting is not None
        owner = uuid.uuid4()
        assert await in_database(claim_round, waiting.pk, owner)
        self.running = RunningRound(waiting.pk, self.room.pk, owner, self.checkpointer)
        return asyncio.create_task(self.running.run())

    async def run(self) -> None:
        await asyncio.wait_for(await self.begin(), 30)

    async def said(self) -> list[tuple[int, str, str]]:
        return await in_database(self._said)

    def _said(self) -> list[tuple[int, str, str]]:
        rows = Version.objects.filter(message__conversation=self.room, shown=True, message__author__kind="ai")
        return list(rows.order_by("message__sequence").values_list("message__sequence", "state", "text"))

    async def until(self, look: Callable[[], Awaitable[Any]]) -> Any:
        async with asyncio.timeout(20):
            while not (found := await look()):  # noqa: ASYNC110 (the database rings no bell here)
                await asyncio.sleep(0.01)
        return found

    async def half_said(self) -> bool:
        return any(state == VersionState.STREAMING and text for _, state, text in await self.said())

    async def reason(self) -> str:
        last = await in_database(lambda: Round.objects.filter(conversation=self.room).order_by("-pk").first())
        assert last is not None
        return str(last.reason)


@pytest_asyncio.fixture
async def stage(room: Conversation, owner: Participant, checkpointer: Checkpointer) -> Stage:
    return Stage(room, owner, checkpointer)


async def test_everyone_answers_once_in_order(stage: Stage) -> None:
    await stage.post()
    await stage.run()
    said = await stage.said()
    assert [(sequence, state) for sequence, state, _ in said] == [(2, "complete"), (3, "complete")]
    assert all(text for _, _, text in said)
    assert await stage.reason() == EndReason.DONE
    calls = await in_database(lambda: list(Call.objects.values_list("state", "user__display_name")))
    assert calls == [(CallState.SETTLED, "Alice")] * 2


async def test_the_second_hears_the_first(stage: Stage) -> None:
    await stage.post()
    await stage.run()
    recipes = await in_database(lambda: list(Turn.objects.order_by("index").values_list("recipe", flat=True)))
    assert [len(recipe["versions"]) for recipe in recipes] == [1, 2]


async def test_stop_before_the_first_token(stage: Stage) -> None:
    await stage.script("wait=never")
    await stage.post()
    task = await stage.begin()
    await stage.until(lambda: in_database(lambda: Turn.objects.exists()))
    await in_database(stop_rounds, by=stage.owner)
    await asyncio.wait_for(task, 10)
    assert await stage.said() == []
    assert await stage.reason() == EndReason.STOPPED
    assert await in_database(lambda: Call.objects.get().state) != CallState.OPEN


async def test_stop_in_the_middle_keeps_the_text(stage: Stage) -> None:
    await stage.script("pace=100 tokens=1000")
    await stage.post()
    task = await stage.begin()
    await stage.until(stage.half_said)
    await in_database(stop_rounds, by=stage.owner)
    await asyncio.wait_for(task, 10)
    [(_, state, text)] = await stage.said()
    assert (state, bool(text)) == (VersionState.STOPPED, True)
    turn = await in_database(Turn.objects.get)
    assert turn.state == TurnState.STOPPED


async def test_stop_while_finishing_ends_once(stage: Stage) -> None:
    await stage.post()
    task = await stage.begin()
    await in_database(stop_rounds, by=stage.owner)
    await asyncio.wait_for(task, 10)
    states = {state for _, state, _ in await stage.said()}
    assert states <= {VersionState.COMPLETE, VersionState.STOPPED}
    assert await in_database(lambda: Version.objects.filter(state=VersionState.STREAMING).count()) == 0


async def test_a_post_ends_the_round_politely_and_the_next_answers(stage: Stage) -> None:
    await stage.script("pace=200 tokens=60")
    await stage.post()
    task = await stage.begin()
    await stage.until(stage.half_said)
    second = await stage.post("And another thing")
    await asyncio.wait_for(task, 10)
    [(sequence, state, _)] = await stage.said()
    assert (sequence, state) == (2, VersionState.COMPLETE)
    assert second.sequence == 3
    first = await in_database(lambda: Round.objects.order_by("pk")[0])
    assert first.reason == EndReason.OVERTAKEN
    await stage.run()
    assert [row[0] for row in await stage.said()] == [2, 4, 5]


async def test_a_post_before_the_first_token_is_heard_first(stage: Stage) -> None:
    await stage.script("wait=never", seat=0)
    await stage.post()
    task = await stage.begin()
    await stage.until(lambda: in_database(lambda: Turn.objects.exists()))
    await stage.post("Wait!")
    await asyncio.wait_for(task, 10)
    assert await stage.said() == []
    assert await in_database(lambda: Turn.objects.get().state) == TurnState.OVERTAKEN


async def test_deleting_a_streaming_reply_closes_it(stage: Stage) -> None:
    await stage.script("pace=100 tokens=1000", seat=0)
    await stage.post()
    task = await stage.begin()
    await stage.until(stage.half_said)
    message = await in_database(lambda: Message.objects.with_shown().get(sequence=2))
    await in_database(delete_message, message=message, by=stage.owner)
    await asyncio.wait_for(task, 20)
    states = [state for _, state, _ in await stage.said()]
    assert states[0] == VersionState.STOPPED
    assert await in_database(lambda: Call.objects.filter(state=CallState.OPEN).count()) == 0


@pytest.mark.parametrize(
    ("fault", "state", "error"),
    [
        ("fault=break@6", VersionState.INTERRUPTED, "service"),
        ("fault=refuse", VersionState.FAILED, "ContentRefused"),
        ("fault=timeout times=9", VersionState.FAILED, "TimedOut"),
        ("fault=garbage@6", VersionState.INTERRUPTED, "service"),
        ("fault=empty", VersionState.FAILED, "EmptyAnswer"),
        ("fault=context", VersionState.FAILED, "ContextTooLong"),
    ],
)
async def test_one_that_fails_says_why_and_the_round_goes_on(
    stage: Stage, fault: str, state: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.calls.waiting.BACK_OFF", 0.0, raising=False)
    await stage.script(f"pace=0 tokens=12 {fault}", seat=0)
    await stage.post()
    await stage.run()
    said = await stage.said()
    assert [row[1] for row in said] == [state, VersionState.COMPLETE]
    version = await in_database(lambda: Version.objects.get(message__sequence=2))
    assert version.error == error
    assert version.error_detail
    assert bool(version.text) == (state == VersionState.INTERRUPTED)
    assert await stage.reason() == EndReason.DONE


async def test_two_failures_in_a_row_end_the_round(stage: Stage) -> None:
    await stage.script("fault=refuse")
    await stage.post()
    await stage.run()
    assert [row[1] for row in await stage.said()] == [VersionState.FAILED] * 2
    assert await stage.reason() in {EndReason.FAILURES, EndReason.DONE}


async def test_a_persona_without_a_model_says_what_to_do(stage: Stage, first_ai: Participant) -> None:
    await in_database(lambda: Participant.objects.filter(pk=first_ai.pk).update(model=None))
    await stage.post()
    await stage.run()
    version = await in_database(lambda: Version.objects.get(message__sequence=2))
    assert version.error == "NoModel"
    assert "Choose one" in version.error_detail
    assert [row[1] for row in await stage.said()] == [VersionState.FAILED, VersionState.COMPLETE]


async def test_retry_answers_in_the_failures_place(stage: Stage) -> None:
    await stage.script("fault=refuse", seat=0)
    await stage.post()
    await stage.run()
    await stage.script("pace=0 tokens=12", seat=0)
    failed = await in_database(lambda: Message.objects.with_shown().get(sequence=2))
    await in_database(answer_again, message=failed, by=stage.owner)
    await stage.run()
    assert [(row[0], row[1]) for row in await stage.said()] == [(2, "complete"), (3, "complete")]
    again = await in_database(lambda: Turn.objects.order_by("-pk")[0])
    assert len(again.recipe["versions"]) == 1


async def test_round_robin_goes_on_to_its_limit(stage: Stage) -> None:
    def set_up() -> None:
        Conversation.objects.filter(pk=stage.room.pk).update(policy="round_robin", policy_settings={"turns": 5})

    await in_database(set_up)
    await stage.post()
    await stage.run()
    authors = await in_database(
        lambda: list(Message.objects.filter(sequence__gt=1).order_by("sequence").values_list("author", flat=True))
    )
    assert len(authors) == 5
    assert authors[0] == authors[2] == authors[4] != authors[1] == authors[3]
    assert await stage.reason() == EndReason.TURN_LIMIT


async def test_a_drained_round_keeps_its_text_and_resumes_where_it_was(stage: Stage) -> None:
    await stage.script("pace=100 tokens=300", seat=1)
    await stage.post()
    task = await stage.begin()
    await stage.until(stage.half_said)
    await stage.until(lambda: _second_speaks(stage))
    assert stage.running is not None
    stage.running.drain()
    await asyncio.wait_for(task, 10)
    assert [row[1] for row in await stage.said()] == [VersionState.COMPLETE, VersionState.INTERRUPTED]
    await stage.script("pace=0 tokens=12", seat=1)
    await in_database(start_round, by=stage.owner)
    await stage.run()
    said = await stage.said()
    assert [(row[0], row[1]) for row in said] == [(2, "complete"), (3, "complete")]
    assert await in_database(lambda: Call.objects.count()) == 3
    assert await in_database(lambda: Round.objects.count()) == 1


async def _second_speaks(stage: Stage) -> bool:
    return any(sequence == 3 and text for sequence, _, text in await stage.said())


async def test_sequences_have_no_hole_after_all_that(stage: Stage) -> None:
    await stage.script("fault=refuse", seat=0)
    for _ in range(3):
        await stage.post()
        await stage.run()
    sequences = await in_database(lambda: list(Message.objects.order_by("sequence").values_list("sequence", flat=True)))
    assert sequences == list(range(1, 10))


async def test_a_pass_is_a_faint_place_in_the_log(stage: Stage) -> None:
    await stage.script("pace=0 text=pass", seat=0)
    await stage.post()
    await stage.run()
    kinds = await in_database(lambda: list(Message.objects.order_by("sequence").values_list("kind", flat=True)))
    assert kinds == ["speech", "pass", "speech"]


async def test_the_stop_line_ends_the_round(stage: Stage) -> None:
    def priced() -> None:
        from providers.models import Allowance

        Allowance.objects.update_or_create(site=True, period="day", defaults={"money_limit": 0})
        AIModel.objects.update(input_price=10, output_price=10)

    await in_database(priced)
    await stage.post()
    await stage.run()
    assert await stage.reason() == EndReason.STOP_LINE
    version = await in_database(lambda: Version.objects.get(message__sequence=2))
    assert "limit" in version.error_detail


async def test_a_round_is_one_line_in_the_log_without_a_word_of_it(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await stage.post("A secret about marmalade")
    await stage.run()
    [line] = [record for record in caplog.records if record.name == "conversations.rounds"]
    assert (line.reason, line.turns, line.policy) == ("done", 2, "everyone")  # type: ignore[attr-defined]
    assert line.round and line.conversation  # type: ignore[attr-defined]  # noqa: PT018
    assert "marmalade" not in "".join(str(vars(record)) for record in caplog.records)
