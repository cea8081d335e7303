"""What people ask of a room: 204 for htmx, 303 without it, 422 with the sentence, and never the room itself."""

import uuid
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from chimera_site.models import User
from conversations.actions.messages import post_message
from conversations.choices import RoundState, Wish
from conversations.models import Conversation, Message, Participant, Round, Version
from providers.models import AIModel, ProviderConfig


@pytest.fixture
def visitor(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def send(client: Client, name: str, room: Conversation, *args: object, htmx: bool = True, **data: Any) -> HttpResponse:
    headers = {"HX-Request": "true"} if htmx else {}
    path = reverse(f"conversations:{name}", args=[room.key, *args])
    return client.post(path, data, headers=headers)  # type: ignore[return-value]


def test_a_message_is_stored_and_a_round_waits(visitor: Client, room: Conversation) -> None:
    answer = send(visitor, "post", room, text="Soup?", client_id=str(uuid.uuid4()))
    assert (answer.status_code, answer.content) == (204, b"")
    assert [message.text for message in room.messages.all()] == ["Soup?"]
    assert Round.objects.get(conversation=room).state == RoundState.QUEUED


def test_without_htmx_a_command_leads_back_to_the_room(visitor: Client, room: Conversation) -> None:
    answer = send(visitor, "post", room, htmx=False, text="Soup?")
    assert answer.status_code == 303
    assert answer["Location"] == room.get_absolute_url()


def test_sent_twice_it_is_said_once(visitor: Client, room: Conversation) -> None:
    sent = {"text": "Soup?", "client_id": str(uuid.uuid4())}
    assert [send(visitor, "post", room, **sent).status_code for _ in range(2)] == [204, 204]
    assert room.messages.count() == 1


def test_nothing_written_lets_the_ais_go_on(visitor: Client, room: Conversation) -> None:
    assert send(visitor, "post", room, text=" \n").status_code == 204
    assert room.messages.count() == 0
    assert Round.objects.get(conversation=room).state == RoundState.QUEUED


def test_a_text_that_cannot_be_taken_comes_back_with_its_sentence(
    visitor: Client, room: Conversation, settings: Any
) -> None:
    settings.MESSAGE_LIMIT = 5
    answer = send(visitor, "post", room, text="Soup, then salad?")
    assert answer.status_code == 422
    fragment = answer.content.decode()
    assert 'id="composer-errors"' in fragment
    assert "17 characters; 5 is the most" in fragment
    assert 'id="log"' not in fragment
    page = send(visitor, "post", room, htmx=False, text="Soup, then salad?")
    assert page.status_code == 422
    assert "Soup, then salad?</textarea>" in page.content.decode()
    assert room.messages.count() == 0


def test_stop_and_continue(visitor: Client, room: Conversation) -> None:
    assert send(visitor, "continue", room).status_code == 204
    Round.objects.filter(conversation=room).update(state=RoundState.RUNNING)
    assert send(visitor, "stop", room).status_code == 204
    assert Round.objects.get(conversation=room).wish == Wish.STOP


def failed_reply(room: Conversation, first_ai: Participant) -> Message:
    message = Message.objects.create(conversation=room, sequence=1, author=first_ai)
    Version.objects.create(message=message, state="failed", error="TimedOut", error_detail="It took too long.")
    return message


def test_retry_asks_for_the_same_message_again(visitor: Client, room: Conversation, first_ai: Participant) -> None:
    message = failed_reply(room, first_ai)
    assert send(visitor, "again", room, 1).status_code == 204
    assert Round.objects.get(trigger=message).background


def test_retry_with_a_model_that_is_not_offered(
    visitor: Client, room: Conversation, first_ai: Participant, rehearsal: AIModel
) -> None:
    failed_reply(room, first_ai)
    hidden = AIModel.objects.create(provider=rehearsal.provider, model_id="hidden", enabled=False)
    answer = send(visitor, "again", room, 1, model=hidden.pk)
    assert answer.status_code == 422
    assert "not offered to you" in answer.content.decode()


def test_a_message_is_deleted_and_brought_back(visitor: Client, room: Conversation, owner: Participant) -> None:
    post_message(author=owner, text="Soup?")
    assert send(visitor, "delete-message", room, 1).status_code == 204
    assert Message.objects.get().deleted_at is not None
    assert send(visitor, "restore-message", room, 1).status_code == 204
    assert Message.objects.get().deleted_at is None


@pytest.mark.parametrize("name", ["again", "delete-message", "restore-message"])
@pytest.mark.parametrize("sequence", [0, 7, 10**30])
def test_no_command_for_a_message_that_is_not_there(
    visitor: Client, room: Conversation, name: str, sequence: int
) -> None:
    assert send(visitor, name, room, sequence).status_code == 404


def test_what_is_not_visible_cannot_be_touched(
    client: Client, room: Conversation, owner: Participant, bob: User
) -> None:
    post_message(author=owner, text="Soup?")
    Participant.objects.filter(conversation=room, user=bob).update(visible_from=1, role="moderator")
    client.force_login(bob)
    assert send(client, "delete-message", room, 1).status_code == 404


def test_a_room_is_renamed(visitor: Client, room: Conversation) -> None:
    assert send(visitor, "rename", room, title="  Late \n lunch ").status_code == 204
    assert Conversation.objects.get(pk=room.pk).title == "Late lunch"
    assert send(visitor, "rename", room, title="x" * 201).status_code == 422


def test_the_policy_is_changed(visitor: Client, room: Conversation) -> None:
    assert send(visitor, "policy", room, policy="round_robin", turns="8").status_code == 204
    room.refresh_from_db()
    assert (room.policy, room.policy_settings) == ("round_robin", {"turns": 8})
    refused = send(visitor, "policy", room, policy="round_robin", turns="800")
    assert refused.status_code == 422
    assert "at most 100" in refused.content.decode()


def test_an_ai_is_given_another_model(visitor: Client, room: Conversation, first_ai: Participant) -> None:
    provider = ProviderConfig.objects.create(kind="rehearsal", label="Other")
    other = AIModel.objects.create(provider=provider, model_id="other")
    assert send(visitor, "participant-model", room, first_ai.pk, model=other.pk).status_code == 204
    first_ai.refresh_from_db()
    assert first_ai.model == other


def test_a_participant_of_another_room_is_not_reached(
    visitor: Client, room: Conversation, first_ai: Participant, rehearsal: AIModel
) -> None:
    elsewhere = Conversation.objects.create(title="Elsewhere")
    Participant.objects.filter(pk=first_ai.pk).update(conversation=elsewhere)
    assert send(visitor, "participant-model", room, first_ai.pk, model=rehearsal.pk).status_code == 404


def test_a_room_is_deleted_from_the_list_and_brought_back(visitor: Client, room: Conversation) -> None:
    assert send(visitor, "delete", room, **{"from": "list"}).status_code == 204
    assert visitor.get(room.get_absolute_url()).status_code == 404
    assert send(visitor, "restore", room).status_code == 204
    assert visitor.get(room.get_absolute_url()).status_code == 200


def test_a_room_deleted_from_inside_offers_its_undo_on_the_list(visitor: Client, room: Conversation) -> None:
    target = f"/?deleted={room.key}"
    assert send(visitor, "delete", room)["HX-Redirect"] == target
    page = visitor.get(target).content.decode()
    assert "“Lunch” was deleted." in page
    assert reverse("conversations:restore", args=[room.key]) in page
    assert send(visitor, "restore", room, htmx=False)["Location"] == "/"


@pytest.mark.parametrize("deleted", ["x", str(uuid.uuid4())])
def test_an_undo_for_nothing_is_not_offered(visitor: Client, room: Conversation, deleted: str) -> None:
    assert '<form class="bar"' not in visitor.get("/", {"deleted": deleted}).content.decode()


def test_a_member_cannot_bring_back_what_the_owner_deleted(
    client: Client, visitor: Client, room: Conversation, bob: User
) -> None:
    send(visitor, "delete", room)
    client.force_login(bob)
    assert send(client, "restore", room).status_code == 404


def test_a_command_is_posted(visitor: Client, room: Conversation) -> None:
    for name in ("post", "stop", "continue", "rename", "policy", "delete", "restore"):
        assert visitor.get(reverse(f"conversations:{name}", args=[room.key])).status_code == 405


def test_a_command_needs_its_token(alice: User, room: Conversation) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert send(strict, "stop", room).status_code == 403
