"""What happens when two things happen at once, or when somebody is late: nothing is lost, left open or said twice."""

import uuid

import pytest
from django.utils import timezone

from conversations.actions.claims import abandon_orphans, claim_round, end_round, take_over
from conversations.actions.messages import delete_message, post_message, restore_message
from conversations.actions.participants import set_model
from conversations.actions.replies import (
    BegunReply,
    BegunTurn,
    Ending,
    Fence,
    begin_reply,
    begin_turn,
    end_reply,
    end_silent_turn,
)
from conversations.actions.rounds import answer_again, start_round, stop_rounds
from conversations.choices import EndReason, MessageKind, RoundState, TurnState, VersionState, Wish
from conversations.errors import NotAllowed, NotFound
from conversations.models import Clock, Conversation, Message, Participant, Round, Turn, Version
from conversations.replies import load_scene, scene
from providers.models import AIModel, Call, CallState, Purpose

DONE = Ending(VersionState.COMPLETE, TurnState.SPOKEN, text="Yes.", html="<p>Yes.</p>")
FAILED = Ending(VersionState.FAILED, TurnState.FAILED, error="TimedOut", error_detail="It took too long.")
PASSED = Ending(VersionState.COMPLETE, TurnState.PASSED)


@pytest.fixture
def running(room: Conversation, owner: Participant) -> Round:
    post_message(author=owner, text="Well?")
    return claimed(Round.objects.get(conversation=room))


@pytest.fixture
def fence(running: Round, first_ai: Participant) -> Fence:
    return fence_of(running, first_ai.pk)


def claimed(waiting: Round) -> Round:
    assert claim_round(waiting.pk, uuid.uuid4())
    return Round.objects.get(pk=waiting.pk)


def fence_of(round_: Round, speaker_id: int, message_id: int | None = None) -> Fence:
    assert round_.owner is not None
    return Fence(round_.conversation_id, round_.pk, round_.owner, speaker_id, message_id)


def begun_turn(fence: Fence) -> BegunTurn:
    turn = begin_turn(fence, why={}, recipe={})
    assert turn is not None
    return turn


def half_said(fence: Fence) -> tuple[BegunTurn, BegunReply]:
    turn = begun_turn(fence)
    reply = begin_reply(fence, turn, "I was *just*", None, "m")
    assert reply is not None
    return turn, reply


def broken_off(running: Round, fence: Fence) -> Message:
    """The message of a round whose process died in the middle of it."""
    _, reply = half_said(fence)
    assert take_over(running.pk, running.owner, 0)
    return Message.objects.get(pk=reply.message_id)


# ---- Nothing stays open


def test_a_round_that_ends_leaves_no_version_streaming(fence: Fence, running: Round) -> None:
    turn, reply = half_said(fence)
    assert end_round(fence.conversation_id, fence.round_id, fence.owner, EndReason.INTERRUPTED)
    version = Version.objects.get(pk=reply.version_id)
    assert (version.state, version.error) == (VersionState.INTERRUPTED, "site")
    assert "<em>just</em>" in version.html
    assert Turn.objects.get(pk=turn.id).state == TurnState.INTERRUPTED
    assert Message.objects.get(pk=reply.message_id).stamped == Clock.objects.get(pk=fence.conversation_id).revision


def test_a_call_is_not_left_open_by_a_turn_that_is_over(fence: Fence, rehearsal: AIModel) -> None:
    over, speaking = begun_turn(fence), begun_turn(fence)
    end_silent_turn(fence, over, FAILED)
    for turn in (over, speaking):
        Call.objects.create(
            model=rehearsal, purpose=Purpose.REPLY, turn_key=turn.key, started_at=timezone.now(), model_name="m"
        )
    assert abandon_orphans() == 1
    assert Call.objects.get(turn_key=over.key).state == CallState.ABANDONED
    assert Call.objects.get(turn_key=speaking.key).state == CallState.OPEN


# ---- Nobody speaks late


@pytest.mark.parametrize("ending", [FAILED, PASSED])
def test_a_stalled_owner_does_not_say_that_it_failed(fence: Fence, running: Round, ending: Ending) -> None:
    turn = begun_turn(fence)
    assert take_over(running.pk, running.owner, 0)
    end_silent_turn(fence, turn, ending)
    assert Message.objects.filter(conversation=running.conversation_id).count() == 1
    assert Clock.objects.get(pk=running.conversation_id).last_sequence == 1


@pytest.mark.parametrize("ending", [FAILED, PASSED])
def test_a_silence_after_a_post_is_no_answer_to_it(fence: Fence, owner: Participant, ending: Ending) -> None:
    turn = begun_turn(fence)
    post_message(author=owner, text="Wait!")
    end_silent_turn(fence, turn, ending)
    assert Turn.objects.get(pk=turn.id).state == TurnState.OVERTAKEN
    assert not Message.objects.filter(author=fence.speaker_id).exists()
    assert Clock.objects.get(pk=fence.conversation_id).last_sequence == 2


def test_a_silence_is_told_once(fence: Fence) -> None:
    turn = begun_turn(fence)
    end_silent_turn(fence, turn, PASSED)
    end_silent_turn(fence, turn, PASSED)
    assert Message.objects.filter(kind=MessageKind.PASS).count() == 1


# ---- Nothing is said twice


def test_resume_asked_twice_is_one_round(fence: Fence, running: Round, owner: Participant) -> None:
    message = broken_off(running, fence)
    assert answer_again(message=message, by=owner).pk == running.pk
    assert answer_again(message=Message.objects.get(pk=message.pk), by=owner).pk == running.pk
    claimed(running)
    assert answer_again(message=Message.objects.get(pk=message.pk), by=owner).pk == running.pk


def test_who_was_answered_for_beside_the_round_is_not_asked_again(
    fence: Fence, running: Round, owner: Participant, rehearsal: AIModel
) -> None:
    message = broken_off(running, fence)
    beside = claimed(answer_again(message=message, by=owner, model=rehearsal))
    retry = fence_of(beside, fence.speaker_id, message.pk)
    turn, reply = half_said(retry)
    resumed = claimed(start_round(by=owner))
    assert resumed.pk == running.pk
    for finished in (False, True):
        if finished:
            end_reply(retry, turn, reply, DONE)
        assert resumed.owner is not None
        found = load_scene(resumed.pk, resumed.owner, first_turn=1)
        assert found is not None
        assert fence.speaker_id in found.state.answered
        assert found.broken_off == {}


def test_two_rounds_do_not_speak_in_one_place_at_once(
    fence: Fence, running: Round, owner: Participant, rehearsal: AIModel
) -> None:
    message = broken_off(running, fence)
    beside = claimed(answer_again(message=message, by=owner, model=rehearsal))
    resumed = claimed(start_round(by=owner))
    first, second = (fence_of(round_, fence.speaker_id, message.pk) for round_ in (beside, resumed))
    late = begun_turn(second)
    half_said(first)
    assert begin_reply(second, late, "Me too", None, "m") is None


# ---- No wish is lost


def test_continue_is_heard_while_the_last_round_still_stops(running: Round, owner: Participant) -> None:
    stop_rounds(by=owner)
    following = start_round(by=owner)
    assert (following.state, following.wish) == (RoundState.QUEUED, Wish.NONE)
    assert start_round(by=owner) == following


def test_a_retry_is_heard_while_the_last_one_still_stops(fence: Fence, owner: Participant) -> None:
    turn = begun_turn(fence)
    end_silent_turn(fence, turn, FAILED)
    message = Message.objects.get(author=fence.speaker_id)
    stopped = claimed(answer_again(message=message, by=owner))
    stop_rounds(by=owner)
    assert answer_again(message=message, by=owner) != stopped


def test_taking_back_one_message_leaves_the_next_one_its_answer(owner: Participant, speaker: Participant) -> None:
    mine, theirs = post_message(author=owner, text="Oops"), post_message(author=speaker, text="Who knows?")
    delete_message(message=mine, by=owner)
    waiting = Round.objects.get()
    assert (waiting.state, waiting.trigger) == (RoundState.QUEUED, theirs)
    delete_message(message=theirs, by=speaker)
    assert Round.objects.get().reason == EndReason.DELETED


def test_a_turn_reads_the_newest_messages_alone(
    fence: Fence, running: Round, owner: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene, "MOST_HEARD", 2)
    for text in ("One", "Two", "Three"):
        post_message(author=owner, text=text)
    assert running.owner is not None
    found = load_scene(running.pk, running.owner, first_turn=0)
    assert found is not None
    assert [one.text for one in found.heard] == ["Two", "Three"]


# ---- Nobody may more than their seat says


def test_what_a_moderator_took_away_its_author_does_not_bring_back(owner: Participant, speaker: Participant) -> None:
    message = post_message(author=speaker, text="Rude")
    delete_message(message=message, by=owner)
    message.refresh_from_db()
    with pytest.raises(NotAllowed):
        restore_message(message=message, by=speaker)
    restore_message(message=message, by=owner)


def test_who_may_not_start_rounds_resumes_none(fence: Fence, running: Round, speaker: Participant) -> None:
    message = broken_off(running, fence)
    speaker.may_start = False
    assert answer_again(message=message, by=speaker).background


def test_a_seat_elsewhere_gives_no_power_here(
    room: Conversation, owner: Participant, first_ai: Participant, rehearsal: AIModel
) -> None:
    elsewhere = Conversation.objects.create()
    Participant.objects.filter(pk=owner.pk).update(conversation=elsewhere)
    stranger = Participant.objects.get(pk=owner.pk)
    message = Message.objects.create(conversation=room, sequence=1, author=first_ai)
    with pytest.raises(NotAllowed):
        delete_message(message=message, by=stranger)
    with pytest.raises(NotAllowed):
        answer_again(message=message, by=stranger)
    with pytest.raises(NotAllowed):
        set_model(participant=first_ai, by=stranger, model=rehearsal)


def test_a_room_taken_away_a_moment_ago_is_no_room(fence: Fence, room: Conversation, owner: Participant) -> None:
    end_silent_turn(fence, begun_turn(fence), FAILED)
    message = Message.objects.get(author=fence.speaker_id)
    Conversation.objects.filter(pk=room.pk).update(deleted_at=timezone.now())
    with pytest.raises(NotFound):
        post_message(author=owner, text="Hello?")
    with pytest.raises(NotFound):
        start_round(by=owner)
    with pytest.raises(NotFound):
        answer_again(message=message, by=owner)
