"""/since/N: what a page lacks, in the frames of the socket."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from chimera_site.models import User
from conversations.actions.messages import delete_message, post_message
from conversations.hub import reading
from conversations.models import Conversation, Participant
from tests.conversations.sockets import speak

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def since(browser: Client, room: Conversation, revision: int, **query: Any) -> Any:
    answer = browser.get(f"/c/{room.key}/since/{revision}/", query)
    assert answer.status_code == 200
    return answer.json()


def test_a_change_and_then_nothing(browser: Client, room: Conversation, owner: Participant) -> None:
    message = post_message(author=owner, text="Hello.")
    frame = since(browser, room, 0)
    assert 'id="m-1"' in frame["html"]
    assert since(browser, room, frame["revision"]) == {"revision": frame["revision"], "html": ""}
    delete_message(message=message, by=owner)
    assert "Hello." not in since(browser, room, frame["revision"])["html"]


def test_a_text_that_streams_comes_each_time(browser: Client, room: Conversation, owner: Participant) -> None:
    version = speak(room, owner, "On and on", closed=3)
    frame = since(browser, room, 1)
    assert f'id="closed-{version.pk}"' in frame["html"]
    assert 'id="round"' not in frame["html"]


def test_only_the_window_is_brought(browser: Client, room: Conversation, owner: Participant) -> None:
    for text in ("a", "b", "c"):
        post_message(author=owner, text=text)
    html = since(browser, room, 0, first=2, last=2)["html"]
    assert [f'id="m-{place}"' in html for place in (1, 2, 3)] == [False, True, False]


def test_nothing_is_brought_below_what_one_may_see(browser: Client, room: Conversation, owner: Participant) -> None:
    for text in ("a", "b"):
        post_message(author=owner, text=text)
    Participant.objects.filter(pk=owner.pk).update(visible_from=1)
    html = since(browser, room, 0)["html"]
    assert [f'id="m-{place}"' in html for place in (1, 2)] == [False, True]


def test_too_much_is_a_new_start(browser: Client, room: Conversation, owner: Participant) -> None:
    for number in range(reading.MOST_ROWS + 1):
        post_message(author=owner, text=str(number))
    assert since(browser, room, 0) == {"reload": True}
    assert since(browser, room, 10**30) == {"reload": True}


@pytest.mark.parametrize("query", ["first=x", "first=-1", "last=start", "first=1e3", "last=", "first=%D9%A1"])
def test_a_window_is_made_of_numbers(browser: Client, room: Conversation, query: str) -> None:
    assert browser.get(f"/c/{room.key}/since/0/?{query}").status_code == 422


def test_a_stranger_and_a_guess_get_the_same_answer(client: Client, room: Conversation, charlie: User) -> None:
    client.force_login(charlie)
    assert client.get(f"/c/{room.key}/since/0/").status_code == 404
    assert client.get(f"/c/{uuid4()}/since/0/").status_code == 404


def test_nobody_is_sent_to_sign_in(client: Client, room: Conversation) -> None:
    answer = client.get(f"/c/{room.key}/since/0/")
    assert (answer.status_code, answer.url.partition("?")[0]) == (302, "/accounts/login/")


def test_it_is_only_read(browser: Client, room: Conversation) -> None:
    answer = browser.post(f"/c/{room.key}/since/0/")
    assert answer.status_code == 405
    assert "no-store" in browser.get(f"/c/{room.key}/since/0/")["Cache-Control"]
