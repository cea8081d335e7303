"""Fragments: each state of a message, the log's end, head and panel; the same for every viewer, without a query."""

from typing import Any

import pytest

from conversations import markdown, rendering
from conversations.actions.messages import post_message
from conversations.choices import EndReason, RoundKind, RoundState, TurnState, VersionState
from conversations.models import Conversation, Message, Participant, Round, Turn, Version
from tests.conversations.sockets import speak

pytestmark = pytest.mark.django_db


def loaded(room: Conversation) -> Message:
    message = Message.objects.filter(conversation=room).with_shown().get()
    message.conversation = room
    return message


def html_of(room: Conversation, **version: Any) -> str:
    Version.objects.update(**version)
    return rendering.message_html(loaded(room))


def round_html(room: Conversation) -> str:
    fresh = Conversation.objects.select_related("clock").get(pk=room.pk)
    return rendering.round_html(fresh, Round.objects.status(room.pk))


@pytest.fixture
def message(room: Conversation, owner: Participant) -> Message:
    return post_message(author=owner, text="A *word*.")


def test_stored_html_is_shown_as_it_is(room: Conversation, message: Message) -> None:
    assert "<i>stored</i>" in html_of(room, html="<i>stored</i>")


def test_html_of_an_older_renderer_is_made_anew(room: Conversation, message: Message) -> None:
    html = html_of(room, html="<i>stored</i>", renderer="of old")
    assert "<i>stored</i>" not in html
    assert markdown.render("A *word*.").strip() in html


def test_a_text_that_streams_comes_in_two_parts(room: Conversation, owner: Participant) -> None:
    version = speak(room, owner, "First block.\n\nSecond", closed=14)
    html = rendering.message_html(loaded(room))
    closed, tail = markdown.render_live(version.text, 14)
    assert f'id="closed-{version.pk}" class="closed" data-offset="14">{closed}</div>' in html
    assert f'<div id="tail-{version.pk}" class="tail">{tail}</div>' in html


def test_an_ended_text_carries_no_id_of_its_stream(room: Conversation, message: Message) -> None:
    html = html_of(room)
    assert "closed-" not in html
    assert "tail-" not in html


def test_each_state_says_what_can_be_done(room: Conversation, message: Message) -> None:
    assert "Retry" in html_of(room, state=VersionState.FAILED, error="TimedOut", text="", html="")
    assert "Resume" in html_of(room, state=VersionState.INTERRUPTED, error="site")
    assert "Stopped" in html_of(room, state=VersionState.STOPPED, error="")


def test_a_fragment_is_one_element_with_its_place(room: Conversation, message: Message) -> None:
    html = html_of(room)
    assert html.startswith('<li id="m-1"')
    assert html.endswith("</li>")
    assert f'data-author="{message.author_id}"' in html


def test_words_of_people_are_never_markup(room: Conversation, owner: Participant, message: Message) -> None:
    evil = '"><script>alert(1)</script><b hx-get="/">'
    Participant.objects.filter(pk=owner.pk).update(name=evil)
    Conversation.objects.filter(pk=room.pk).update(title=evil)
    room.refresh_from_db()
    parts = [
        html_of(room),
        rendering.head_html(room),
        rendering.participants_html(room, room.participants.present().seated()),
    ]
    for part in parts:
        assert "<script" not in part
        assert "<b hx-get" not in part


def test_the_end_of_a_silent_log(room: Conversation) -> None:
    assert 'data-state="idle"' in round_html(room)
    assert "Continue" not in round_html(room)


def test_the_end_of_a_log_tells_what_goes_on(
    room: Conversation, owner: Participant, first_ai: Participant, message: Message
) -> None:
    waiting = Round.objects.get(conversation=room)
    assert 'data-state="queued"' in round_html(room)
    Round.objects.filter(pk=waiting.pk).update(state=RoundState.RUNNING)
    assert 'data-state="running"' in round_html(room)
    turn = Turn.objects.create(round=waiting, index=0, speaker=first_ai)
    assert f'data-speaker="{first_ai.pk}"' in round_html(room)
    assert "Stop" in round_html(room)
    version = speak(room, first_ai, "Well")
    Version.objects.filter(pk=version.pk).update(turn=turn)
    assert "about-to-speak" not in round_html(room)
    assert Round.objects.status(room.pk).speaking
    Turn.objects.filter(pk=turn.pk).update(state=TurnState.SPOKEN)
    Round.objects.filter(pk=waiting.pk).update(state=RoundState.ENDED, reason=EndReason.TURN_LIMIT)
    assert "turn limit" in round_html(room)
    assert "Continue" in round_html(room)


def test_an_answer_in_the_background_is_announced_beside_the_round(
    room: Conversation, first_ai: Participant, message: Message
) -> None:
    Round.objects.update(state=RoundState.ENDED, reason=EndReason.DONE)
    again = Round.objects.create(
        conversation=room, kind=RoundKind.ANSWER_AGAIN, background=True, state=RoundState.RUNNING
    )
    Turn.objects.create(round=again, index=0, speaker=first_ai)
    assert "answer again" in round_html(room)


def test_what_goes_on_takes_three_queries_at_most(
    room: Conversation, message: Message, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(3):
        Round.objects.status(room.pk)


def test_rendering_asks_the_database_nothing(
    room: Conversation, first_ai: Participant, message: Message, django_assert_num_queries: Any
) -> None:
    waiting = Round.objects.get(conversation=room)
    Round.objects.update(state=RoundState.RUNNING)
    Turn.objects.create(round=waiting, index=0, speaker=first_ai)
    conversation = Conversation.objects.select_related("clock").get(pk=room.pk)
    status, spoken = Round.objects.status(room.pk), loaded(conversation)
    seated = list(conversation.participants.present().seated())
    with django_assert_num_queries(0):
        rendering.message_html(spoken)
        rendering.round_html(conversation, status)
        rendering.head_html(conversation)
        rendering.participants_html(conversation, seated)
