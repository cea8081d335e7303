"""What people write: stored once, in order, answered; taken back, brought back, wiped."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from conversations.actions.messages import delete_message, post_message, restore_message, wipe_deleted
from conversations.choices import EndReason, Role, RoundState, VersionState, Wish
from conversations.errors import Conflict, Invalid, NotAllowed
from conversations.models import Clock, Conversation, Message, Participant, Round, Version


def revision(room: Conversation) -> int:
    return Clock.objects.get(pk=room.pk).revision


def test_a_post_is_stored_rendered_and_waits_for_an_answer(room: Conversation, owner: Participant) -> None:
    message = post_message(author=owner, text="Is a **hot dog** a sandwich?")
    assert message.sequence == 1
    assert message.state == VersionState.COMPLETE
    assert "<strong>hot dog</strong>" in message.shown.html
    waiting = Round.objects.get(conversation=room)
    assert (waiting.state, waiting.trigger, waiting.started_by) == (RoundState.QUEUED, message, owner)
    assert message.stamped == revision(room)


def test_the_same_client_id_finds_the_first_message(room: Conversation, owner: Participant) -> None:
    client_id = uuid.uuid4()
    first = post_message(author=owner, text="Once.", client_id=client_id)
    again = post_message(author=owner, text="Once.", client_id=client_id)
    assert again == first
    assert Message.objects.count() == 1
    assert Clock.objects.get(pk=room.pk).last_sequence == 1


def test_two_posts_join_one_queued_round_for_the_newest_asker(
    room: Conversation, owner: Participant, speaker: Participant
) -> None:
    first = post_message(author=owner, text="One.")
    post_message(author=speaker, text="Two.")
    waiting = Round.objects.get(conversation=room)
    assert waiting.trigger == first
    assert waiting.started_by == speaker


def test_a_post_wishes_the_running_round_to_its_end(room: Conversation, owner: Participant) -> None:
    running = Round.objects.create(conversation=room, state=RoundState.RUNNING, owner=uuid.uuid4())
    message = post_message(author=owner, text="Wait.")
    running.refresh_from_db()
    assert (running.wish, running.wisher) == (Wish.END, owner)
    assert Round.objects.get(state=RoundState.QUEUED).trigger == message


def test_a_wish_to_stop_is_not_weakened_by_a_post(room: Conversation, owner: Participant) -> None:
    running = Round.objects.create(conversation=room, state=RoundState.RUNNING, owner=uuid.uuid4(), wish=Wish.STOP)
    post_message(author=owner, text="Go on.")
    running.refresh_from_db()
    assert running.wish == Wish.STOP


@pytest.mark.parametrize("text", ["", "   \n\t ", "\u2028"])
def test_an_empty_message_is_refused_with_what_to_do(room: Conversation, owner: Participant, text: str) -> None:
    with pytest.raises(Invalid, match="Write something"):
        post_message(author=owner, text=text)
    assert not Message.objects.exists()


def test_a_message_at_the_limit_is_taken_and_one_past_it_refused(
    room: Conversation, owner: Participant, settings: object
) -> None:
    settings.MESSAGE_LIMIT = 1_000  # type: ignore[attr-defined]
    post_message(author=owner, text="x" * 1_000)
    with pytest.raises(Invalid, match="1,001 characters"):
        post_message(author=owner, text="x" * 1_001)


def test_nul_and_lone_surrogates_are_replaced(room: Conversation, owner: Participant) -> None:
    message = post_message(author=owner, text="a\x00b\ud83dc\r\nd")
    assert message.text == "a\ufffdb\ufffdc\nd"


def test_a_reader_may_not_post(room: Conversation, speaker: Participant) -> None:
    speaker.role = Role.READER
    speaker.save()
    with pytest.raises(NotAllowed):
        post_message(author=speaker, text="Hello")


def test_who_was_removed_a_moment_ago_may_not_post(room: Conversation, speaker: Participant) -> None:
    Participant.objects.filter(pk=speaker.pk).update(left_at=timezone.now())
    with pytest.raises(NotAllowed):
        post_message(author=speaker, text="Hello")
    assert not Message.objects.exists()


def test_who_may_not_start_rounds_is_heard_without_an_answer(room: Conversation, speaker: Participant) -> None:
    speaker.may_start = False
    speaker.save()
    post_message(author=speaker, text="Just saying.")
    assert not Round.objects.exists()


def test_deleting_hides_and_ends_what_it_set_off(room: Conversation, owner: Participant) -> None:
    message = post_message(author=owner, text="Oops")
    delete_message(message=message, by=owner)
    message.refresh_from_db()
    assert message.deleted_at is not None
    assert not Message.objects.filter(conversation=room).heard().exists()
    assert Round.objects.get(conversation=room).reason == EndReason.DELETED


def test_deleting_a_streaming_reply_ends_it(room: Conversation, owner: Participant, first_ai: Participant) -> None:
    message = Message.objects.create(conversation=room, sequence=9, author=first_ai)
    Version.objects.create(message=message, state=VersionState.STREAMING, text="Half a")
    delete_message(message=message, by=owner)
    assert Version.objects.get(message=message).state == VersionState.STOPPED


def test_a_deletion_is_undone_with_the_half_that_was_said(
    room: Conversation, owner: Participant, first_ai: Participant
) -> None:
    message = Message.objects.create(conversation=room, sequence=9, author=first_ai)
    Version.objects.create(message=message, state=VersionState.STREAMING, text="Half *a*")
    delete_message(message=message, by=owner)
    restore_message(message=message, by=owner)
    version = Version.objects.get(message=message)
    assert "<em>a</em>" in version.html
    assert Message.objects.get(pk=message.pk).deleted_at is None


def test_a_speaker_deletes_own_words_and_not_others(
    room: Conversation, owner: Participant, speaker: Participant
) -> None:
    theirs = post_message(author=owner, text="Mine")
    own = post_message(author=speaker, text="His")
    delete_message(message=own, by=speaker)
    with pytest.raises(NotAllowed):
        delete_message(message=theirs, by=speaker)


def test_wiping_comes_after_the_time_for_undo(room: Conversation, owner: Participant) -> None:
    message = post_message(author=owner, text="A secret")
    delete_message(message=message, by=owner)
    assert wipe_deleted() == 0
    Message.objects.filter(pk=message.pk).update(deleted_at=timezone.now() - timedelta(seconds=11))
    assert wipe_deleted() == 1
    version = Version.objects.get(message=message)
    assert (version.text, version.html, version.search_text) == ("", "", "")
    with pytest.raises(Conflict):
        restore_message(message=message, by=owner)
