from unittest.mock import patch

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from chimera_site import founding
from chimera_site.models import AuditEvent, User
from conversations.errors import Conflict

FIRST = {"email": "ada@example.org", "display_name": "Ada", "password": "a rather long one"}


@pytest.fixture
def far(settings):
    settings.IS_LOOPBACK = False


def test_the_first_visitor_makes_the_first_account_and_is_in(client: Client, db) -> None:
    assert client.get("/accounts/login/").url == reverse("setup")
    assert client.post("/setup/", FIRST).status_code == 302
    user = User.objects.get()
    assert user.is_administrator
    assert client.session["_auth_user_id"] == str(user.pk)
    assert AuditEvent.objects.get(event=AuditEvent.FOUNDED).actor == user


def test_the_second_visitor_is_sent_to_login(client: Client, alice: User) -> None:
    for answer in (client.get("/setup/"), client.post("/setup/", FIRST)):
        assert answer.url == reverse("account_login")
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "wrong", [{"email": "no address"}, {"display_name": ""}, {"password": "12345678"}, {"password": "ada@example.org"}]
)
def test_a_wrong_entry_is_told_and_makes_nothing(client: Client, db, wrong: dict[str, str]) -> None:
    answer = client.post("/setup/", FIRST | wrong)
    assert answer.status_code == 422
    assert "errorlist" in answer.text
    assert not User.objects.exists()


def test_extra_fields_are_ignored(client: Client, db) -> None:
    client.post("/setup/", FIRST | {"colour": "9", "is_active": ""})
    assert User.objects.get().colour == 1


@pytest.mark.parametrize("visit", [{"REMOTE_ADDR": "192.0.2.1"}, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}])
def test_who_may_come_from_afar_needs_the_link(client: Client, db, visit: dict[str, str]) -> None:
    assert client.get("/setup/", **visit).status_code == 403
    assert client.post("/setup/", FIRST, **visit).status_code == 403
    assert not User.objects.exists()


def test_a_site_on_the_net_needs_the_link_even_from_the_machine_itself(client: Client, db, far) -> None:
    assert client.get("/setup/").status_code == 403


def test_the_link_makes_one_account(client: Client, db, far) -> None:
    link = founding.link().removeprefix("http://127.0.0.1:8000")
    assert client.get(link).status_code == 200
    assert client.post(link, FIRST).status_code == 302
    assert User.objects.get().is_administrator
    assert Client().get(link).url == reverse("account_login")


@pytest.mark.parametrize("key", ["", "made-up", signing.dumps("found", salt="another")])
def test_another_key_opens_nothing(client: Client, db, far, key: str) -> None:
    assert client.get("/setup/", {"key": key}).status_code == 403


def test_the_link_ends_after_a_day(db, far) -> None:
    key = founding.link().split("key=")[1]
    assert founding.is_valid(key)
    with patch("django.core.signing.time.time", return_value=__import__("time").time() + founding.LINK_SECONDS + 1):
        assert not founding.is_valid(key)


def test_of_two_at_once_one_wins(db) -> None:
    """Both have seen an empty site; the constraint lets one of them through."""
    founding.found(**FIRST)
    with patch("chimera_site.founding.is_founded", return_value=False), pytest.raises(Conflict):
        founding.found(**FIRST | {"email": "eve@example.org"})
    assert [user.email for user in User.objects.all()] == ["ada@example.org"]
