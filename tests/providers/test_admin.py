"""Providers, models and limits in the admin: what is written, what is never shown, what it costs the database."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import respx
from django.contrib.admin.models import LogEntry
from django.test import Client

from chimera_site.models import AuditEvent, User
from providers import actions
from providers.connect import headers_context, secret_context
from providers.keyring import unseal
from providers.models import AIModel, Allowance, Balance, Call, Period, ProviderConfig, Purpose, Source
from providers.pricing import Forecast

KEY = "sk-a-secret-of-the-tests-9876"
PROVIDERS = "/admin/providers/providerconfig/"
MODELS = "/admin/providers/aimodel/"


@pytest.fixture
def browser(client: Client, adele: User) -> Client:
    client.force_login(adele)
    return client


def provider_form(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "openai_compatible",
        "label": "Example",
        "base_url": "https://api.example.org/v1",
        "enabled": "on",
        "concurrency": "50",
        "options": "{}",
        "position": "0",
        **fields,
    }


def error_text(response: Any) -> str:
    return " ".join(re.findall(r'class="errorlist[^>]*>(.*?)</ul>', response.content.decode(), re.DOTALL))


# ---- Providers


def test_a_provider_with_a_key_is_added(browser: Client) -> None:
    response = browser.post(f"{PROVIDERS}add/", provider_form(new_key=KEY, new_headers="X-Team: red\nX-B:  c"))
    assert response.status_code == 302
    row = ProviderConfig.objects.get()
    assert unseal(row.secret, secret_context(row)) == KEY
    assert unseal(row.headers, headers_context(row)) == '{"X-Team": "red", "X-B": "c"}'
    assert (row.source, row.last4) == (Source.ADMIN, "9876")
    assert [event.event for event in AuditEvent.objects.order_by("pk")] == [
        "provider.made",
        "provider.key_saved",
        "provider.headers_saved",
    ]


def test_no_secret_is_ever_shown_or_logged(
    browser: Client, provider: ProviderConfig, caplog: pytest.LogCaptureFixture
) -> None:
    actions.save_headers(provider, {"X-Token": KEY})
    pages = [
        browser.post(f"{PROVIDERS}{provider.pk}/change/", provider_form(new_key=KEY), follow=True),
        browser.get(f"{PROVIDERS}{provider.pk}/change/"),
        browser.get(f"{PROVIDERS}{provider.pk}/history/"),
        browser.post(
            f"{PROVIDERS}{provider.pk}/change/", provider_form(label="", new_key=KEY, new_headers=f"A: {KEY}")
        ),
    ]
    provider.refresh_from_db()
    for page in pages:
        text = page.content.decode()
        assert KEY not in text
        assert provider.secret not in text
    assert "••••9876" in pages[1].content.decode()
    assert KEY not in repr(list(LogEntry.objects.values())) + repr(list(AuditEvent.objects.values())) + caplog.text
    assert provider.secret not in repr(list(AuditEvent.objects.values()))


def test_an_empty_key_leaves_the_stored_one(browser: Client, provider: ProviderConfig) -> None:
    actions.save_key(provider, KEY)
    actions.save_headers(provider, {"X-A": "b"})
    stored = provider.secret, provider.headers
    response = browser.post(f"{PROVIDERS}{provider.pk}/change/", provider_form(label="Renamed"))
    assert response.status_code == 302
    provider.refresh_from_db()
    assert (provider.label, provider.secret, provider.headers) == ("Renamed", *stored)
    event = AuditEvent.objects.get(event="provider.changed")
    assert (event.before, event.after) == ({"label": "Example"}, {"label": "Renamed"})


def test_stored_secrets_can_be_removed(browser: Client, provider: ProviderConfig) -> None:
    actions.save_key(provider, KEY)
    actions.save_headers(provider, {"X-A": "b"})
    browser.post(f"{PROVIDERS}{provider.pk}/change/", provider_form(remove_key="on", remove_headers="on"))
    provider.refresh_from_db()
    assert (provider.secret, provider.last4, provider.headers) == ("", "", "")


def test_a_stored_key_does_not_move_to_another_address(browser: Client, provider: ProviderConfig) -> None:
    actions.save_key(provider, KEY)
    moved = provider_form(base_url="https://elsewhere.example.org/v1")
    response = browser.post(f"{PROVIDERS}{provider.pk}/change/", moved)
    assert "Enter it again or remove it" in error_text(response)
    assert browser.post(f"{PROVIDERS}{provider.pk}/change/", moved | {"new_key": "another-key"}).status_code == 302
    provider.refresh_from_db()
    assert unseal(provider.secret, secret_context(provider)) == "another-key"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"base_url": "ftp://example.org"}, "http://"),
        ({"base_url": "https://user:word@example.org"}, "use the key"),
        ({"base_url": "http://127.0.0.1:8080/v1"}, ""),
        ({"base_url": "http://169.254.169.254/"}, ""),
        ({"new_key": "sk-ключ"}, "one line"),
        ({"new_headers": "X A: b"}, "name"),
        ({"new_headers": "No-Colon"}, "value"),
        ({"options": "[1]"}, "JSON object"),
        ({"kind": "nonsense"}, "valid choice"),
        ({"kind": "builtin"}, "valid choice"),
        ({"concurrency": "0"}, "greater than or equal to 1"),
    ],
)
def test_bad_input_is_told(browser: Client, fields: dict[str, str], words: str) -> None:
    response = browser.post(f"{PROVIDERS}add/", provider_form(**fields))
    assert response.status_code == 200
    assert words in error_text(response)
    assert error_text(response)
    assert not ProviderConfig.objects.exists()


def test_a_server_on_this_machine_is_taken_when_it_is_allowed(browser: Client) -> None:
    fields = provider_form(base_url="http://127.0.0.1:8080/v1", allow_local="on")
    assert browser.post(f"{PROVIDERS}add/", fields).status_code == 302


def test_a_label_is_taken_once(browser: Client, provider: ProviderConfig) -> None:
    assert "already exists" in error_text(browser.post(f"{PROVIDERS}add/", provider_form()))


def test_a_lost_ring_leaves_the_page_up(browser: Client, provider: ProviderConfig, settings: Any) -> None:
    actions.save_key(provider, KEY)
    settings.CHIMERA_ENCRYPTION_KEYS = []
    assert "needs key" in browser.get(PROVIDERS).content.decode()
    response = browser.get(f"{PROVIDERS}{provider.pk}/change/")
    assert "needs key" in response.content.decode()


def test_what_the_site_brings_along_stays(settings, browser: Client) -> None:
    settings.CHIMERA_REHEARSAL = False
    actions.ensure_builtin()
    row = ProviderConfig.objects.get()
    assert browser.get(f"{PROVIDERS}{row.pk}/change/").status_code == 200
    assert browser.post(f"{PROVIDERS}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    response = browser.post(
        f"{PROVIDERS}{row.pk}/change/", provider_form(kind="openai_compatible", label="Tiny", base_url="")
    )
    assert response.status_code == 302
    row.refresh_from_db()
    assert (row.kind, row.label) == ("builtin", "Tiny")


def test_deleting_is_audited_and_keeps_the_ledger(browser: Client, provider: ProviderConfig, model: AIModel) -> None:
    ledger_row(model)
    second = ProviderConfig.objects.create(kind="openai_compatible", label="Second")
    assert browser.post(f"{PROVIDERS}{provider.pk}/delete/", {"post": "yes"}).status_code == 302
    selected = {"action": "delete_selected", "_selected_action": [second.pk], "post": "yes"}
    assert browser.post(PROVIDERS, selected).status_code == 302
    assert not ProviderConfig.objects.exists()
    assert Call.objects.get().model_name == "model-1"
    assert AuditEvent.objects.filter(event="provider.deleted").count() == 2


@pytest.mark.parametrize("path", [PROVIDERS, MODELS, "/admin/providers/call/", "/admin/providers/allowance/"])
def test_only_administrators(client: Client, alice: User, path: str) -> None:
    assert client.get(path).status_code == 302
    client.force_login(alice)
    assert client.get(path).status_code in (302, 403)


# ---- Actions that ask the service


def act(browser: Client, path: str, action: str, *rows: Any) -> str:
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    return browser.post(path, chosen, follow=True).content.decode()


@pytest.mark.django_db(transaction=True)
def test_connection_is_tested_and_models_are_discovered(browser: Client, provider: ProviderConfig) -> None:
    actions.save_key(provider, KEY)
    with respx.mock(using="httpx") as service:
        listing = {"object": "list", "data": [{"id": "model-1"}, {"id": "model-2"}]}
        route = service.get("https://api.example.org/v1/models").respond(json=listing)
        assert "The service answers." in act(browser, PROVIDERS, "check_connection", provider)
        assert "2 new models" in act(browser, PROVIDERS, "discover", provider)
        assert "0 new models" in act(browser, PROVIDERS, "discover_and_enable", provider)
        assert route.calls.last.request.headers["authorization"] == f"Bearer {KEY}"
    assert list(AIModel.objects.values_list("model_id", "enabled")) == [("model-1", False), ("model-2", False)]
    provider.refresh_from_db()
    assert provider.last_ok is not None


@pytest.mark.django_db(transaction=True)
def test_a_failing_service_is_told_without_the_key(browser: Client, provider: ProviderConfig) -> None:
    actions.save_key(provider, KEY)
    with respx.mock(using="httpx") as service:
        refusal = {"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}
        service.get("https://api.example.org/v1/models").respond(401, json=refusal)
        for action in ("check_connection", "discover"):
            page = act(browser, PROVIDERS, action, provider)
            assert "does not accept our key" in page
            assert KEY not in page
    provider.refresh_from_db()
    assert provider.last_error.startswith("AuthenticationFailed")
    assert KEY not in provider.last_error


@pytest.mark.django_db(transaction=True)
def test_hello_is_a_metered_call(
    browser: Client, adele: User, model: AIModel, plays: Callable[..., Any], stop_line: Allowance
) -> None:
    plays()
    assert "says: Nope." in act(browser, MODELS, "say_hello", model)
    call = Call.objects.get()
    assert (call.purpose, call.user, call.state) == ("test", adele, "settled")
    Allowance.objects.update(money_limit=0)
    assert "spending limit of this site is reached" in act(browser, MODELS, "say_hello", model)


# ---- Models


def test_models_are_switched_on_and_off(browser: Client, model: AIModel) -> None:
    assert "1 switched off" in act(browser, MODELS, "disable", model)
    model.refresh_from_db()
    assert model.enabled is False
    assert "1 switched on" in act(browser, MODELS, "enable", model)
    assert AuditEvent.objects.filter(event="model.changed").count() == 2


def test_a_model_is_changed_through_the_action(browser: Client, model: AIModel, provider: ProviderConfig) -> None:
    fields = {
        "provider": provider.pk,
        "model_id": "model-1",
        "label": "One",
        "enabled": "on",
        "position": 3,
        "input_price": "4",
        "output_price": "15",
        "follows_instructions": "on",
        "abilities": "[]",
        "allowed_params": "[]",
        "refused_params": "[]",
    }
    assert browser.post(f"{MODELS}{model.pk}/change/", fields).status_code == 302
    event = AuditEvent.objects.get(event="model.changed")
    assert event.after["label"] == "One"
    assert (event.before["input_price"], event.after["input_price"]) == ("3.000000", "4")


# ---- The ledger


def ledger_row(model: AIModel, user: User | None = None) -> Call:
    return actions.open_call(
        model,
        Forecast(10, 10, Decimal("0.001")),
        user_id=user.pk if user else None,
        conversation_key="room",
        turn_key="turn",
        purpose=Purpose.REPLY,
    )


def test_the_ledger_is_read_only(browser: Client, model: AIModel, adele: User) -> None:
    call = ledger_row(model, adele)
    balance = Balance.objects.first()
    for path in (f"call/{call.pk}", f"balance/{balance.pk}"):
        assert browser.get(f"/admin/providers/{path}/change/").status_code == 200
        assert browser.post(f"/admin/providers/{path}/change/", {"cost": "0"}).status_code == 403
        assert browser.post(f"/admin/providers/{path}/delete/", {"post": "yes"}).status_code == 403


def test_the_stop_line_is_changed_and_audited(browser: Client, stop_line: Allowance) -> None:
    path = f"/admin/providers/allowance/{stop_line.pk}/"
    assert browser.post(f"{path}change/", {"money_limit": "12.5", "token_limit": ""}).status_code == 302
    stop_line.refresh_from_db()
    assert (stop_line.money_limit, stop_line.period, stop_line.site) == (Decimal("12.5"), Period.DAY, True)
    assert AuditEvent.objects.get(event="allowance.changed").after == {"money_limit": "12.5"}
    assert browser.post(f"{path}change/", {"money_limit": "-1", "token_limit": ""}).status_code == 200
    assert browser.post(f"{path}delete/", {"post": "yes"}).status_code == 403


# ---- Lists


@pytest.mark.parametrize("path", [PROVIDERS, MODELS, "/admin/providers/call/", "/admin/providers/balance/"])
def test_a_longer_list_asks_no_more_questions(
    browser: Client, adele: User, django_assert_max_num_queries: Any, path: str
) -> None:
    def add(number: int) -> None:
        provider = ProviderConfig.objects.create(kind="openai_compatible", label=f"Provider {number}")
        actions.save_key(provider, KEY)
        model = AIModel.objects.create(provider=provider, model_id="m", input_price=1, output_price=1)
        ledger_row(model, adele)

    add(0)
    browser.get(path)
    with django_assert_max_num_queries(100) as few:
        browser.get(path)
    for number in range(1, 12):
        add(number)
    with django_assert_max_num_queries(len(few)):
        assert browser.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", [PROVIDERS, f"{PROVIDERS}add/", MODELS, f"{MODELS}add/", "/admin/providers/allowance/"]
)
def test_pages_keep_the_strict_policy(browser: Client, model: AIModel, path: str) -> None:
    response = browser.get(path)
    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy
    text = response.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", text)
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=", text)


def test_search_and_filters(browser: Client, model: AIModel) -> None:
    ledger_row(model)
    for path in (
        f"{PROVIDERS}?q=exam&enabled__exact=1&kind=openai_compatible",
        f"{MODELS}?q=model&provider__id__exact={model.provider_id}",
        "/admin/providers/call/?q=model&state__exact=open",
    ):
        assert "1 " in re.sub(r"<[^>]+>", " ", browser.get(path).content.decode())
        assert browser.get(path).status_code == 200
