"""The pages: list, new, room."""

from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from chimera_site.models import User
from conversations.actions.messages import delete_message, post_message
from conversations.models import Clock, Conversation, Participant, Persona
from conversations.querysets import PAGE
from providers.models import AIModel, ProviderConfig

LIST = "/"


@pytest.fixture
def visitor(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


class Tags(HTMLParser):
    """What a page is made of, as a browser reads it: no mark in a text counts."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "script" and "src" not in dict(attrs):
            self.inline.append(tag)


def address(room: Conversation) -> str:
    return room.get_absolute_url()


@pytest.mark.parametrize("path", [LIST, "/new/"])
def test_who_is_logged_out_is_sent_to_login(client: Client, db: None, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


def test_a_stranger_s_room_does_not_exist(client: Client, charlie: User, room: Conversation) -> None:
    client.force_login(charlie)
    assert client.get(address(room)).status_code == 404


def test_an_empty_list_teaches(visitor: Client) -> None:
    page = visitor.get(LIST).content.decode()
    assert "A room of many voices" in page
    assert page.count(f'href="{reverse("conversations:new")}"') == 1


def test_the_list_holds_one_s_own_rooms_newest_first(visitor: Client, room: Conversation, charlie: User) -> None:
    older = Conversation.objects.create(title="Breakfast")
    Conversation.objects.filter(pk=older.pk).update(last_activity_at=timezone.now() - timedelta(days=3))
    Participant.objects.create(
        conversation=older, kind="person", user=User.objects.get(display_name="Alice"), name="Alice", name_key="alice"
    )
    Conversation.objects.create(title="Secret supper")
    page = visitor.get(LIST).content.decode()
    assert page.index("Lunch") < page.index("Breakfast")
    assert "Secret supper" not in page


def test_only_an_owner_is_offered_to_delete(client: Client, bob: User, room: Conversation) -> None:
    client.force_login(bob)
    assert "room-delete" not in client.get(LIST).content.decode()


def test_the_list_costs_the_same_for_many_rooms(
    visitor: Client, room: Conversation, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        visitor.post("/new/", new_room())
    with django_assert_max_num_queries(8):
        visitor.get(LIST)


def new_room(**changed: object) -> dict[str, object]:
    chosen = Persona.objects.filter(owner=None).order_by("pk")[:2]
    return {"title": "Tea", "policy": "everyone", "personas": [persona.pk for persona in chosen]} | changed


def test_a_new_room_opens(visitor: Client, rehearsal: AIModel, personas: list[Persona]) -> None:
    answer = visitor.post("/new/", new_room(policy="round_robin", turns="9"))
    made = Conversation.objects.get(title="Tea")
    assert answer.status_code == 303
    assert answer["Location"] == address(made)
    assert made.policy_settings == {"turns": 9}
    assert made.participants.ais().count() == 2


def test_a_new_room_without_anyone_is_told_so(visitor: Client, rehearsal: AIModel) -> None:
    answer = visitor.post("/new/", new_room(personas=[]))
    assert answer.status_code == 422
    assert "Choose at least one character" in answer.content.decode()


def test_without_a_model_the_page_says_what_to_do(visitor: Client) -> None:
    assert "No model is ready" in visitor.get("/new/").content.decode()


def test_the_practice_model_is_called_by_its_name(visitor: Client, room: Conversation) -> None:
    page = visitor.get(address(room)).content.decode()
    assert "badge-practice" not in page
    practice = ProviderConfig.objects.create(kind="builtin", label="This machine")
    room.participants.ais().update(model=AIModel.objects.create(provider=practice, model_id="small"))
    assert visitor.get(address(room)).content.decode().count("badge-practice") == 2


def test_a_room_shows_what_was_said(visitor: Client, room: Conversation, owner: Participant) -> None:
    post_message(author=owner, text="Soup *or* salad?")
    page = visitor.get(address(room)).content.decode()
    assert "<em>or</em>" in page
    assert f'data-me="{owner.pk}"' in page
    assert f'data-revision="{Clock.objects.get(pk=room.pk).revision}"' in page
    assert 'data-first="1" data-last="end"' in page


def test_a_page_carries_no_script_and_no_style_of_its_own(
    visitor: Client, room: Conversation, owner: Participant
) -> None:
    post_message(author=owner, text="<script>alert(1)</script><b style='color: red' onclick='x()'>hello</b>")
    for path in (address(room), LIST, "/new/"):
        tags = Tags()
        tags.feed(visitor.get(path).content.decode())
        assert not [name for name in tags.attributes if name == "style" or name.startswith(("on", "hx-on"))]
        assert "style" not in tags.names
        assert tags.inline == []


def test_powers_are_those_of_the_visitor(client: Client, room: Conversation, bob: User) -> None:
    client.force_login(bob)
    page = client.get(address(room)).content.decode()
    assert 'data-powers="answer_again delete_own edit_own leave post read start stop"' in page


def test_a_long_room_shows_its_end_and_the_way_back(visitor: Client, room: Conversation, owner: Participant) -> None:
    for number in range(PAGE + 3):
        post_message(author=owner, text=f"Dish {number}.")
    newest = visitor.get(address(room)).content.decode()
    assert "Dish 2." not in newest
    assert "Dish 3." in newest
    assert 'href="?before=4"' in newest
    oldest = visitor.get(address(room), {"before": 4}).content.decode()
    assert 'data-first="1" data-last="3"' in oldest
    assert "Dish 2." in oldest
    assert "Dish 3." not in oldest
    assert "Newest messages" in oldest


def test_a_page_of_the_log_costs_the_same_for_many_messages(
    visitor: Client,
    room: Conversation,
    owner: Participant,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(PAGE):
        post_message(author=owner, text=f"Dish {number}.")
    with django_assert_max_num_queries(14):
        visitor.get(address(room))


def test_what_came_before_a_member_joined_stays_unseen(
    client: Client, room: Conversation, owner: Participant, bob: User
) -> None:
    for text in ("The secret.", "The rest."):
        post_message(author=owner, text=text)
    Participant.objects.filter(conversation=room, user=bob).update(visible_from=1)
    client.force_login(bob)
    page = client.get(address(room)).content.decode()
    assert "The secret." not in page
    assert "The rest." in page


@pytest.mark.parametrize("before", ["0", "-1", "x", "", "9" * 30, "٣", str(2**63)])
def test_no_page_before_what_is_no_place(visitor: Client, room: Conversation, before: str) -> None:
    assert visitor.get(address(room), {"before": before}).status_code == 404


def test_a_deleted_message_leaves_a_line(visitor: Client, room: Conversation, owner: Participant) -> None:
    message = post_message(author=owner, text="The password is fish.")
    delete_message(message=message, by=owner)
    page = visitor.get(address(room)).content.decode()
    assert "A message by Alice was deleted." in page
    assert "fish" not in page
    assert 'data-undo="10"' in page


@pytest.mark.parametrize("title", ["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "&lt;"])
def test_a_title_is_text(visitor: Client, room: Conversation, title: str) -> None:
    Conversation.objects.filter(pk=room.pk).update(title=title)
    for path in (address(room), LIST):
        page = visitor.get(path).content.decode()
        assert "<img src=x" not in page
        assert "<script>alert" not in page
