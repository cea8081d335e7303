import pytest
from django.test import Client

from chimera_site.models import AuditEvent, SiteRole, User

PEOPLE = "/admin/chimera_site/user/"


@pytest.fixture
def admin(client: Client, adele: User) -> Client:
    client.force_login(adele)
    return client


def form(user: User, **changes: object) -> dict[str, object]:
    return {
        "email": user.email,
        "display_name": user.display_name,
        "colour": user.colour,
        "site_role": user.site_role,
        "is_active": "on",
    } | changes


def test_people_are_found_by_any_spelling(admin: Client, alice: User, bob: User) -> None:
    page = admin.get(PEOPLE, {"q": "ALICE@"}).text
    assert "Alice" in page
    assert "Bob" not in page


def test_a_person_is_made_with_a_password(admin: Client, adele: User) -> None:
    data = {
        "email": "New@example.org",
        "display_name": "New",
        "site_role": "member",
        "password1": "a-long-password",
        "password2": "a-long-password",
    }
    assert admin.post(PEOPLE + "add/", data).status_code == 302
    made = User.objects.get(email_key="new@example.org")
    assert made.check_password("a-long-password")
    event = AuditEvent.objects.get(event="user.made")
    assert (event.actor, event.subject) == (adele, str(made.pk))
    assert "password" not in str(event.after)


def test_an_address_that_is_taken_is_told_in_the_form(admin: Client, alice: User, bob: User) -> None:
    page = admin.post(f"{PEOPLE}{bob.pk}/change/", form(bob, email="ALICE@example.org"))
    assert "Someone has this address already" in page.text


def test_a_change_of_role_is_written_down(admin: Client, alice: User) -> None:
    admin.post(f"{PEOPLE}{alice.pk}/change/", form(alice, site_role=SiteRole.ADMINISTRATOR))
    alice.refresh_from_db()
    assert alice.is_administrator
    event = AuditEvent.objects.get(event="user.changed")
    assert (event.before, event.after) == ({"site_role": "member"}, {"site_role": "administrator"})


def test_nobody_is_deleted_and_nothing_audited_is_touched(admin: Client, alice: User) -> None:
    assert admin.post(f"{PEOPLE}{alice.pk}/delete/", {"post": "yes"}).status_code == 403
    admin.post(f"{PEOPLE}{alice.pk}/change/", form(alice, display_name="Al"))
    event = AuditEvent.objects.get()
    url = f"/admin/chimera_site/auditevent/{event.pk}/"
    assert admin.get(f"{url}change/").status_code == 200
    assert admin.post(f"{url}change/", {"event": "x"}).status_code == 403
    assert admin.post(f"{url}delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("path", ["user/", "user/add/", "auditevent/", "user/{pk}/change/", "user/{pk}/password/"])
def test_pages_of_the_admin_open(admin: Client, alice: User, path: str) -> None:
    assert admin.get("/admin/chimera_site/" + path.format(pk=alice.pk)).status_code == 200


def test_a5_a_member_gets_into_none_of_it(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.post(f"{PEOPLE}{alice.pk}/change/", form(alice, site_role="administrator")).status_code == 302
    alice.refresh_from_db()
    assert not alice.is_administrator
