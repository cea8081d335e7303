"""What people ask of the AIs, and the fence under which a reply begins and ends."""

import uuid

import pytest

from conversations.actions.claims import beat, claim_round, end_round, take_over
from conversations.actions.messages import delete_message, post_message
from conversations.actions.participants import set_model
from conversations.actions.replies import Ending, Fence, begin_reply, begin_turn, end_reply, end_silent_turn
from conversations.actions.rounds import answer_again, start_round, stop_rounds
from conversations.choices import EndReason, Role, RoundState, TurnState, VersionState, Wish
from conversations.errors import Conflict, Invalid, NotAllowed
from conversations.models import Clock, Conversation, Message, Participant, Round, Turn, Version
from providers.models import AIModel

DONE = Ending(VersionState.COMPLETE, TurnState.SPOKEN, text="Yes.", html="<p>Yes.</p>")
FAILED = Ending(VersionState.FAILED, TurnState.FAILED, error="TimedOut", error_detail="It took too long.")


@pytest.fixture
def running(room: Conversation, owner: Participant) -> Round:
    post_message(author=owner, text="Well?")
    waiting = Round.objects.get(conversation=room)
    assert claim_round(waiting.pk, uuid.uuid4())
    waiting.refresh_from_db()
    return waiting


@pytest.fixture
def fence(running: Round, first_ai: Participant) -> Fence:
    assert running.owner is not None
    return Fence(running.conversation_id, running.pk, running.owner, first_ai.pk)


def test_a_round_is_claimed_once(running: Round) -> None:
    assert running.state == RoundState.RUNNING
    assert not claim_round(running.pk, uuid.uuid4())


def test_a_room_runs_one_foreground_round_at_a_time(room: Conversation, owner: Participant, running: Round) -> None:
    post_message(author=owner, text="And?")
    queued = Round.objects.get(state=RoundState.QUEUED)
    assert not claim_round(queued.pk, uuid.uuid4())
    assert queued not in Round.objects.waiting()
    assert running.owner is not None
    end_round(room.pk, running.pk, running.owner, EndReason.OVERTAKEN)
    assert list(Round.objects.waiting()) == [queued]
    assert claim_round(queued.pk, uuid.uuid4())


def test_a_beat_is_seen_by_nobody(room: Conversation, running: Round) -> None:
    before = Clock.objects.get(pk=room.pk).revision
    assert running.owner is not None
    beat([running.owner])
    running.refresh_from_db()
    assert running.beat == 1
    assert Clock.objects.get(pk=room.pk).revision == before


def test_a_reply_begins_and_ends(fence: Fence, room: Conversation) -> None:
    turn = begin_turn(fence, why={"rule": "seat"}, recipe={"template": "full"})
    assert turn is not None
    reply = begin_reply(fence, turn, "Ye", None, "m")
    assert reply is not None
    assert reply.sequence == 2
    assert end_reply(fence, turn, reply, DONE)
    message = Message.objects.get(conversation=room, sequence=2)
    assert (message.state, message.text) == (VersionState.COMPLETE, "Yes.")
    assert Turn.objects.get(pk=turn.id).state == TurnState.SPOKEN
    assert not end_reply(fence, turn, reply, DONE)


def test_nobody_speaks_after_a_post_without_having_heard_it(fence: Fence, owner: Participant) -> None:
    turn = begin_turn(fence, why={}, recipe={})
    assert turn is not None
    post_message(author=owner, text="Wait!")
    assert begin_reply(fence, turn, "Too late", None, "m") is None
    assert list(Message.objects.values_list("sequence", flat=True).order_by("sequence")) == [1, 2]


def test_a_stalled_owner_is_fenced_off(fence: Fence, running: Round) -> None:
    turn = begin_turn(fence, why={}, recipe={})
    assert turn is not None
    assert take_over(running.pk, running.owner, 0)
    assert begin_reply(fence, turn, "I slept", None, "m") is None
    assert running.owner is not None
    assert not end_round(fence.conversation_id, running.pk, running.owner, EndReason.DONE)


def test_a_live_round_is_not_taken_over(running: Round) -> None:
    assert running.owner is not None
    beat([running.owner])
    assert not take_over(running.pk, running.owner, 0)


def test_taking_over_keeps_the_text_and_offers_resume(fence: Fence, running: Round, owner: Participant) -> None:
    turn = begin_turn(fence, why={}, recipe={})
    assert turn is not None
    begin_reply(fence, turn, "I was *just*", None, "m")
    take_over(running.pk, running.owner, 0)
    version = Version.objects.get(turn=turn.id)
    assert (version.state, version.error) == (VersionState.INTERRUPTED, "site")
    assert "<em>just</em>" in version.html
    resumed = answer_again(message=version.message, by=owner)
    assert resumed.pk == running.pk
    assert resumed.state == RoundState.QUEUED


def test_a_failure_takes_a_place_in_the_log(fence: Fence, room: Conversation) -> None:
    turn = begin_turn(fence, why={}, recipe={})
    assert turn is not None
    end_silent_turn(fence, turn, FAILED)
    message = Message.objects.get(conversation=room, sequence=2)
    assert (message.state, message.shown.error_detail) == (VersionState.FAILED, "It took too long.")


def test_an_overtaken_turn_leaves_no_hole(fence: Fence, room: Conversation) -> None:
    turn = begin_turn(fence, why={}, recipe={})
    assert turn is not None
    end_silent_turn(fence, turn, Ending(VersionState.STOPPED, TurnState.OVERTAKEN))
    assert Clock.objects.get(pk=room.pk).last_sequence == 1


def test_continue_joins_what_lives_and_else_queues(room: Conversation, owner: Participant) -> None:
    first = start_round(by=owner)
    assert start_round(by=owner).pk == first.pk
    assert Round.objects.count() == 1


def test_continue_resumes_what_was_broken_off(running: Round, owner: Participant) -> None:
    take_over(running.pk, running.owner, 0)
    assert start_round(by=owner).pk == running.pk


def test_continue_without_ais_says_what_to_do(room: Conversation, owner: Participant) -> None:
    room.participants.ais().update(muted=True)
    with pytest.raises(Invalid, match="Add one"):
        start_round(by=owner)


def test_stop_ends_what_waits_and_wishes_what_runs(running: Round, owner: Participant) -> None:
    post_message(author=owner, text="More")
    stop_rounds(by=owner)
    running.refresh_from_db()
    assert running.wish == Wish.STOP
    queued = Round.objects.exclude(pk=running.pk).get()
    assert (queued.state, queued.reason) == (RoundState.ENDED, EndReason.STOPPED)


def failed_message(fence: Fence) -> Message:
    turn = begin_turn(fence, why={}, recipe={})
    assert turn is not None
    end_silent_turn(fence, turn, FAILED)
    return Message.objects.get(versions__turn=turn.id)


def test_retry_is_a_background_round_asked_once(fence: Fence, owner: Participant) -> None:
    message = failed_message(fence)
    again = answer_again(message=message, by=owner)
    assert (again.background, again.trigger, again.state) == (True, message, RoundState.QUEUED)
    assert answer_again(message=message, by=owner) == again


def test_a_retry_that_speaks_takes_the_failures_place(fence: Fence, owner: Participant, room: Conversation) -> None:
    message = failed_message(fence)
    again = answer_again(message=message, by=owner)
    mine = uuid.uuid4()
    assert claim_round(again.pk, mine)
    retry = Fence(room.pk, again.pk, mine, fence.speaker_id, message.pk)
    turn = begin_turn(retry, why={}, recipe={})
    assert turn is not None
    reply = begin_reply(retry, turn, "Ye", None, "m")
    assert reply is not None
    assert reply.sequence == message.sequence
    end_reply(retry, turn, reply, DONE)
    fresh = Message.objects.get(pk=message.pk)
    assert (fresh.state, fresh.shown.number, fresh.text) == (VersionState.COMPLETE, 2, "Yes.")


def test_a_second_try_that_fails_leaves_the_text_and_says_why(
    fence: Fence, owner: Participant, room: Conversation
) -> None:
    turn = begin_turn(fence, why={}, recipe={})
    assert turn is not None
    reply = begin_reply(fence, turn, "Ye", None, "m")
    assert reply is not None
    end_reply(fence, turn, reply, DONE)
    message = Message.objects.get(pk=reply.message_id)
    again = answer_again(message=message, by=owner)
    mine = uuid.uuid4()
    claim_round(again.pk, mine)
    retry = Fence(room.pk, again.pk, mine, fence.speaker_id, message.pk)
    second = begin_turn(retry, why={}, recipe={})
    assert second is not None
    end_silent_turn(retry, second, FAILED)
    fresh = Message.objects.with_shown().get(pk=message.pk)
    assert fresh.text == "Yes."
    assert fresh.failed_again is not None
    assert fresh.failed_again.error_detail == "It took too long."


def test_what_people_said_is_not_answered_again(room: Conversation, owner: Participant) -> None:
    message = post_message(author=owner, text="Mine")
    with pytest.raises(Invalid):
        answer_again(message=message, by=owner)


def test_a_deleted_message_is_not_answered_again(fence: Fence, owner: Participant) -> None:
    message = failed_message(fence)
    delete_message(message=message, by=owner)
    message.refresh_from_db()
    with pytest.raises(Conflict):
        answer_again(message=message, by=owner)


@pytest.mark.parametrize("act", [start_round, stop_rounds])
def test_a_reader_neither_starts_nor_stops(room: Conversation, speaker: Participant, act: object) -> None:
    speaker.role = Role.READER
    speaker.save()
    with pytest.raises(NotAllowed):
        act(by=speaker)  # type: ignore[operator]


def spoken_message(fence: Fence) -> Message:
    turn = begin_turn(fence, why={}, recipe={})
    assert turn is not None
    reply = begin_reply(fence, turn, "Ye", None, "m")
    assert reply is not None
    end_reply(fence, turn, reply, DONE)
    return Message.objects.get(pk=reply.message_id)


def test_a_speaker_has_only_the_last_round_answered_anew(
    fence: Fence, room: Conversation, owner: Participant, speaker: Participant
) -> None:
    message = spoken_message(fence)
    answer_again(message=message, by=speaker)
    post_message(author=owner, text="On to something else")
    later = Message.objects.get(pk=message.pk)
    with pytest.raises(NotAllowed):
        answer_again(message=later, by=speaker)
    assert answer_again(message=later, by=owner)


def test_a_model_that_is_not_offered_is_refused(fence: Fence, owner: Participant, rehearsal: AIModel) -> None:
    message = spoken_message(fence)
    AIModel.objects.filter(pk=rehearsal.pk).update(enabled=False)
    with pytest.raises(NotAllowed):
        answer_again(message=message, by=owner, model=rehearsal)
    with pytest.raises(NotAllowed):
        set_model(participant=Participant.objects.get(pk=fence.speaker_id), by=owner, model=rehearsal)
