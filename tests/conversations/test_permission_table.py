"""Who may what, by every way in: each route, socket and event has its row here, and a new one without a row fails.

Columns: nobody (logged out), charlie (a stranger), a reader, bob (a speaker), alice (the owner), adele (an
administrator who is not in the room). 302 is the way to the login page.
"""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from chimera_site.models import User
from conversations import broadcast
from conversations.actions.messages import post_message
from conversations.choices import Role, VersionState
from conversations.models import Clock, Conversation, Message, Participant, Version
from conversations.routing import websocket_urlpatterns

LOGIN, GONE, NO, OK, PAGE = 302, 404, 403, 204, 200
PEOPLE = ("nobody", "charlie", "reader", "bob", "alice", "adele")


@dataclass(frozen=True)
class Row:
    """One route: its method, what is sent, and the status for each of PEOPLE."""

    method: str
    statuses: tuple[int, ...]
    data: dict[str, str] | None = None


ROOM = (LOGIN, GONE, PAGE, PAGE, PAGE, GONE)
SPEAKER = (LOGIN, GONE, NO, OK, OK, GONE)
MODERATOR = (LOGIN, GONE, NO, NO, OK, GONE)
EVERYONE = (LOGIN, PAGE, PAGE, PAGE, PAGE, PAGE)

TABLE: dict[str, Row] = {
    "conversations:list": Row("get", EVERYONE),
    "conversations:new": Row("get", EVERYONE),
    "conversations:room": Row("get", ROOM),
    "conversations:since": Row("get", ROOM),
    "conversations:post": Row("post", SPEAKER, {"text": "Hello"}),
    "conversations:stop": Row("post", SPEAKER),
    "conversations:continue": Row("post", SPEAKER),
    "conversations:again": Row("post", SPEAKER),
    "conversations:delete-message": Row("post", MODERATOR),
    "conversations:restore-message": Row("post", MODERATOR),
    "conversations:rename": Row("post", MODERATOR, {"title": "Supper"}),
    "conversations:policy": Row("post", MODERATOR, {"policy": "round_robin", "turns": "4"}),
    "conversations:participant-model": Row("post", MODERATOR),
    "conversations:delete": Row("post", (LOGIN, GONE, NO, NO, PAGE, GONE)),
    "conversations:restore": Row("post", (LOGIN, GONE, GONE, GONE, OK, GONE)),
}
OPEN_TO_ALL = {
    "live": "says that the process lives",
    "ready": "says that the site can serve",
    "setup": "closed once there is an account; tests/chimera_site/test_founding.py",
    "account_login": "the way in",
    "account_logout": "asks first, needs a token",
    "account_signup": "says that sign-up is closed",
    "account_inactive": "tells who was deactivated",
}
LOGGED_IN = {"account_reauthenticate", "account_change_password"}
SOCKETS = {
    "ws/c/<uuid:key>/": "tests/conversations/test_consumers.py",
    "": "refuses every other address; tests/conversations/test_consumers.py",
}
EVENTS = {
    "changed": "hub: only what falls in the socket's window and above visible_from",
    "reply": "hub: only to sockets whose window ends at the end",
    "typing": "hub: participants present",
    "presence": "hub: participants present",
    "bye": "everyone",
}


def routes(patterns: list[Any], prefix: str = "") -> list[str]:
    names = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace == "admin":
                continue  # Django's own, its powers are is_staff's: tested below as one
            inner = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            names += routes(pattern.url_patterns, inner)
        elif isinstance(pattern, URLPattern):
            names.append(f"{prefix}{pattern.name}")
    return names


def test_every_route_has_a_row() -> None:
    known = {*TABLE, *OPEN_TO_ALL, *LOGGED_IN}
    assert set(routes(get_resolver().url_patterns)) == known


def test_every_socket_has_a_row() -> None:
    assert {str(pattern.pattern) for pattern in websocket_urlpatterns} == set(SOCKETS)


def test_every_event_has_a_row() -> None:
    assert set(broadcast.EVENTS) == set(EVENTS)


@pytest.fixture
def reader(db: None, room: Conversation) -> User:
    made = User.objects.create_user("rita@example.org", "rita-password", display_name="Rita")
    Participant.objects.create(
        conversation=room, kind="person", user=made, name="Rita", name_key="rita", role=Role.READER
    )
    return made


@pytest.fixture
def cast(charlie: User, reader: User, bob: User, alice: User, adele: User) -> dict[str, User | None]:
    return {"nobody": None, "charlie": charlie, "reader": reader, "bob": bob, "alice": alice, "adele": adele}


@pytest.fixture
def failed(room: Conversation, owner: Participant, first_ai: Participant) -> Message:
    """What the message routes act on: an AI's failed answer."""
    post_message(author=owner, text="Well?")
    message = Message.objects.create(conversation=room, sequence=2, author=first_ai)
    Clock.objects.filter(pk=room.pk).update(last_sequence=2)
    Version.objects.create(message=message, state=VersionState.FAILED, error="TimedOut")
    return message


def address(name: str, room: Conversation, first_ai: Participant) -> str:
    wanted = {
        "key": room.key,
        "sequence": 2,
        "revision": 0,
        "participant": first_ai.pk,
    }
    pattern = next(route for route in get_resolver("conversations.urls").url_patterns if route.name == name)
    needed = re.findall(r"<\w+:(\w+)>", str(pattern.pattern))
    return reverse(f"conversations:{name}", kwargs={argument: wanted[argument] for argument in needed})


def prepare(name: str, message: Message, room: Conversation) -> None:
    from django.utils import timezone

    if name == "restore-message":
        Message.objects.filter(pk=message.pk).update(deleted_at=timezone.now())
    if name == "restore":
        Conversation.objects.filter(pk=room.pk).update(deleted_at=timezone.now())


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("route", TABLE)
def test_the_table(
    route: str,
    who: str,
    room: Conversation,
    cast: dict[str, User | None],
    failed: Message,
    first_ai: Participant,
) -> None:
    row, name = TABLE[route], route.partition(":")[2]
    prepare(name, failed, room)
    client = Client(headers={"HX-Request": "true"})
    person = cast[who]
    if person is not None:
        client.force_login(person)
    data = dict(row.data or {})
    if name == "participant-model":
        data["model"] = str(first_ai.model_id)
    answer = getattr(client, row.method)(address(name, room, first_ai), data)
    assert answer.status_code == row.statuses[PEOPLE.index(who)]
    if answer.status_code == LOGIN:
        assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("route", [name for name in TABLE if TABLE[name].statuses[1] == GONE])
def test_a_strangers_404_is_that_of_a_room_that_is_not(
    route: str, room: Conversation, charlie: User, failed: Message, first_ai: Participant
) -> None:
    import uuid

    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = Client()
    client.force_login(charlie)
    there = address(route.partition(":")[2], room, first_ai)
    nowhere = there.replace(str(room.key), str(uuid.uuid4()))
    method = getattr(client, TABLE[route].method)
    with CaptureQueriesContext(connection) as first:
        one = method(there)
    with CaptureQueriesContext(connection) as second:
        two = method(nowhere)
    assert (one.status_code, two.status_code) == (404, 404)
    assert len(first) == len(second)


@pytest.mark.parametrize("who", PEOPLE)
def test_the_admin_is_for_administrators(who: str, cast: dict[str, User | None]) -> None:
    client = Client()
    person = cast[who]
    if person is not None:
        client.force_login(person)
    status = client.get("/admin/providers/providerconfig/").status_code
    assert (status == 200) == (who == "adele")


@pytest.mark.parametrize("name", sorted(LOGGED_IN))
def test_account_pages_are_for_those_logged_in(name: str, db: None) -> None:
    answer = Client().get(reverse(name))
    assert answer.status_code == 302
    assert "/accounts/login/" in answer["Location"]
