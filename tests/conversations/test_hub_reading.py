"""The one way to read what a viewer lacks: what it brings, and how few queries it takes."""

from typing import Any

import pytest

from conversations.actions.conversations import rename
from conversations.actions.messages import post_message
from conversations.actions.participants import set_model
from conversations.hub import changes_since, reading
from conversations.models import Clock, Conversation, Participant
from providers.models import AIModel
from tests.conversations.sockets import finish, speak

pytestmark = pytest.mark.django_db


def revision(room: Conversation) -> int:
    return Clock.objects.get(pk=room.pk).revision


def test_nothing_changed(room: Conversation) -> None:
    changes = changes_since(room.pk, revision(room))
    assert (changes.messages, changes.around, changes.too_many) == ((), "", False)


def test_each_change_brings_what_it_moved(
    room: Conversation, owner: Participant, first_ai: Participant, rehearsal: AIModel
) -> None:
    post_message(author=owner, text="Hello.")
    rename(conversation=room, by=owner, title="Dinner")
    after = revision(room)
    around = changes_since(room.pk, after - 1).around
    assert ("Dinner" in around, 'id="round"' in around, 'id="participants"' in around) == (True, True, False)
    set_model(participant=first_ai, by=owner, model=rehearsal)
    around = changes_since(room.pk, after).around
    assert ('id="room-head"' in around, 'id="participants"' in around) == (False, True)


def test_what_streams_comes_at_any_revision_and_is_named_even_where_it_is_followed(
    room: Conversation, owner: Participant
) -> None:
    version = speak(room, owner, "On and on", closed=2)
    now = revision(room)
    (fragment,) = changes_since(room.pk, now).messages
    assert (fragment.streams, fragment.closed, fragment.length) == (True, 2, 9)
    changes = changes_since(room.pk, now, followed={version.pk})
    assert changes.messages == ()
    assert changes.speaking == {version.pk: 1}


def test_what_has_ended_comes_even_to_who_followed_it(room: Conversation, owner: Participant) -> None:
    version = speak(room, owner, "On and on")
    before = revision(room)
    finish(version, "<p>Done.</p>")
    (fragment,) = changes_since(room.pk, before, followed={version.pk}).messages
    assert not fragment.streams
    assert "Done." in fragment.html


def test_the_limit_of_rows(room: Conversation, owner: Participant) -> None:
    for number in range(reading.MOST_ROWS + 1):
        post_message(author=owner, text=str(number))
    assert len(changes_since(room.pk, 1).messages) == reading.MOST_ROWS
    too_many = changes_since(room.pk, 0)
    assert too_many.too_many
    assert too_many.frame(()) == {"reload": True}


def test_a_revision_from_nowhere_means_a_new_start(room: Conversation) -> None:
    assert changes_since(room.pk, 10**30).too_many


def test_queries_do_not_grow_with_messages(
    room: Conversation, owner: Participant, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        post_message(author=owner, text=str(number))
    with django_assert_max_num_queries(7):
        assert len(changes_since(room.pk, 0).messages) == 30


def test_one_query_for_who_is_in_and_one_for_the_counters_of_all_rooms(
    room: Conversation, owner: Participant, speaker: Participant, django_assert_num_queries: Any
) -> None:
    people = [owner.user_id, speaker.user_id]
    with django_assert_num_queries(1):
        assert reading.members(room.pk, people).keys() == set(people)
    with django_assert_num_queries(1):
        assert reading.pulses([room.pk, room.pk + 1]) == {room.pk: reading.Pulse(0, 0, False)}
