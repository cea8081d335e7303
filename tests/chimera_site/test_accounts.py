import re
from pathlib import Path

import pytest
from django.conf import settings as site_settings
from django.test import Client
from django.urls import reverse

from chimera_site.models import User

LOGIN = "/accounts/login/"


def log_in(client: Client, email: str = "alice@example.org", password: str = "alice-password", **data: str):
    return client.post(LOGIN + data.pop("query", ""), {"login": email, "password": password} | data)


def test_a_person_logs_in_however_they_spell_their_address(client: Client, alice: User) -> None:
    assert log_in(client, "ALICE@example.ORG").status_code == 302
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_wrong_password_and_unknown_address_read_the_same(client: Client, alice: User) -> None:
    wrong, unknown = log_in(client, password="x"), log_in(client, "nobody@example.org")
    errors = [re.findall(r'class="errorlist.*?</ul>', page.text, re.DOTALL) for page in (wrong, unknown)]
    assert errors[0] == errors[1] != []


def test_who_is_closed_out_cannot_log_in(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    log_in(client)
    assert "_auth_user_id" not in client.session


def test_a_login_has_a_session_of_its_own(client: Client, alice: User) -> None:
    client.get(LOGIN)
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    log_in(client)
    assert client.session.session_key != before


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "javascript:alert(1)", "/\\evil.example"])
def test_a_login_sends_nobody_to_another_site(client: Client, alice: User, target: str) -> None:
    assert log_in(client, next=target).url == "/"
    assert log_in(Client(), query=f"?next={target}").url == "/"


def test_a_login_goes_on_to_where_one_wanted(client: Client, alice: User) -> None:
    assert log_in(client, next="/new/").url == "/new/"


def test_tries_are_throttled_by_account(client: Client, alice: User) -> None:
    for _ in range(5):
        log_in(client, password="wrong")
    refused = log_in(client)  # the right one, too late
    assert "_auth_user_id" not in client.session
    assert "Too many" in refused.text


def test_tries_are_throttled_by_address(client: Client, alice: User) -> None:
    answers = [log_in(client, f"guess{number}@example.org").status_code for number in range(31)]
    assert answers[-1] == 429


def test_a_logout_ends_the_session(client: Client, alice: User) -> None:
    log_in(client)
    stolen = client.cookies["sessionid"].value
    assert client.get("/accounts/logout/").status_code == 200
    client.post("/accounts/logout/")
    client.cookies["sessionid"] = stolen
    assert client.get("/accounts/password/").status_code == 302


def test_a_changed_password_ends_the_other_sessions(client: Client, alice: User) -> None:
    other = Client()
    log_in(client)
    log_in(other)
    data = {"oldpassword": "alice-password", "password1": "another-long-one", "password2": "another-long-one"}
    assert client.post("/accounts/password/", data).status_code == 302
    assert client.get("/accounts/password/").status_code == 200
    assert other.get("/accounts/password/").status_code == 302


def test_nobody_signs_up(client: Client, alice: User) -> None:
    data = {"email": "new@example.org", "password1": "a-long-password", "password2": "a-long-password"}
    assert "By invitation" in client.post("/accounts/signup/", data).text
    assert User.objects.count() == 1


def test_the_admin_has_no_login_of_its_own(client: Client, alice: User, adele: User) -> None:
    assert client.get("/admin/").status_code == 302
    page = client.get("/admin/login/", follow=True)
    assert page.redirect_chain[-1][0].startswith(LOGIN)
    client.force_login(alice)
    assert client.get("/admin/login/").status_code == 403
    client.force_login(adele)
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("name", ["account_login", "account_logout", "account_signup", "account_inactive", "setup"])
def test_every_page_of_the_account_is_in_our_dress(client: Client, alice: User, name: str) -> None:
    assert "site-foot" in client.get(reverse(name), follow=True).text


def test_pages_forbid_scripts_frames_and_guests(client: Client, alice: User) -> None:
    headers = client.get(LOGIN).headers
    policy = headers["Content-Security-Policy"]
    for rule in (
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ):
        assert rule in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_no_page_of_ours_holds_inline_script_or_style() -> None:
    for page in (Path(site_settings.BASE_DIR) / "templates").rglob("*.html"):
        assert not re.search(r"<style|\sstyle=|\son\w+=|hx-on|javascript:|<script(?![^>]*src=)", page.read_text()), page
