"""Keys, rows, and the ledger's books."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from chimera_site.models import AuditEvent, User
from providers import actions
from providers.actions import Outcome, abandon_calls, abandon_calls_without_turn, open_call, settle_call
from providers.actions.balances import beginning
from providers.calls.order import SwitchedOff, find_route
from providers.connect import headers_context, secret_context
from providers.errors import PriceUnknown, RateLimitExceeded, StopLineReached
from providers.events import Usage
from providers.keyring import SecretUnavailable, unseal
from providers.models import AIModel, Allowance, Balance, Call, CallState, Period, ProviderConfig, Purpose, Source
from providers.practice.model import PracticeModelMissing
from providers.pricing import Forecast

KEY = "sk-a-secret-of-the-tests-9876"
WHOLE = Outcome(Usage(input=10, output=5), Decimal("0.25"), estimated=False, total_ms=900, first_text_ms=80)


def opened(model: AIModel, cost: Decimal | None = Decimal(1), *, turn_key: str = "turn") -> Call:
    return open_call(
        model,
        Forecast(100, 50, cost),
        user_id=None,
        conversation_key="room",
        turn_key=turn_key,
        purpose=Purpose.REPLY,
    )


def books(period: Period = Period.DAY) -> tuple[Decimal, Decimal, int, int]:
    row = Balance.objects.get(site=True, period=period)
    return row.spent, row.reserved, row.tokens_spent, row.tokens_reserved


# ---- Keys


def test_a_key_is_sealed_to_its_row_and_audited(provider: ProviderConfig, adele: User) -> None:
    actions.save_key(provider, f"  {KEY}\n", actor=adele)
    provider.refresh_from_db()
    assert unseal(provider.secret, secret_context(provider)) == KEY
    assert provider.last4 == "9876"
    event = AuditEvent.objects.get()
    assert (event.event, event.actor, event.subject) == ("provider.key_saved", adele, "Example")
    assert "9876" not in repr(vars(event))


def test_swapped_rows_do_not_open(provider: ProviderConfig) -> None:
    other = ProviderConfig.objects.create(kind="openai_compatible", label="Other")
    actions.save_key(provider, KEY)
    ProviderConfig.objects.filter(pk=other.pk).update(secret=provider.secret)
    other.refresh_from_db()
    with pytest.raises(SecretUnavailable):
        unseal(other.secret, secret_context(other))
    with pytest.raises(SecretUnavailable):
        unseal(provider.secret, headers_context(provider))


def test_a_short_key_shows_nothing(provider: ProviderConfig) -> None:
    actions.save_key(provider, "short")
    assert provider.last4 == ""


@pytest.mark.parametrize("key", ["", "  ", "two\nlines", "sk-ключ", "a\0b", "tab\there"])
def test_what_is_no_key_is_refused(provider: ProviderConfig, key: str) -> None:
    with pytest.raises(ValidationError):
        actions.save_key(provider, key)


def test_removing_a_key(provider: ProviderConfig) -> None:
    actions.save_key(provider, KEY)
    actions.remove_key(provider)
    provider.refresh_from_db()
    assert (provider.secret, provider.last4) == ("", "")


def test_headers_are_sealed_and_may_be_emptied(provider: ProviderConfig) -> None:
    actions.save_headers(provider, {"X-Team": "red", "X-Token": KEY})
    provider.refresh_from_db()
    assert KEY in unseal(provider.headers, headers_context(provider))
    assert KEY not in provider.headers
    actions.save_headers(provider, {})
    assert provider.headers == ""


@pytest.mark.parametrize("headers", [{"X-A": "b\r\nX-C: d"}, {"X A": "b"}, {"": "b"}, {"X-A": ""}, {"X-A": 7}])
def test_headers_cannot_smuggle_lines(provider: ProviderConfig, headers: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        actions.save_headers(provider, headers)


def test_failing_audit_keeps_the_old_key(provider: ProviderConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("chimera_site.audit.record", fail)
    with pytest.raises(RuntimeError):
        actions.save_key(provider, KEY)
    provider.refresh_from_db()
    assert provider.secret == ""


# ---- Rows


@pytest.mark.django_db
def test_builtin_rows_are_made_once_and_keep_changes(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHIMERA_REHEARSAL = False
    monkeypatch.setattr("providers.practice.PracticeModel.available", lambda: True)
    actions.ensure_builtin()
    model = AIModel.objects.get()
    assert (model.provider.kind, model.provider.source) == ("builtin", Source.ENVIRONMENT)
    assert (model.follows_instructions, model.context) == (False, 1024)
    assert (model.input_price, model.output_price, model.retired_at) == (0, 0, None)
    assert model.provider.default_model == model
    AIModel.objects.update(enabled=False, label="Tiny")
    actions.ensure_builtin()
    model = AIModel.objects.get()
    assert (model.enabled, model.label) == (False, "Tiny")


@pytest.mark.django_db
def test_a_missing_practice_model_is_not_offered(settings, monkeypatch: pytest.MonkeyPatch, adele: User) -> None:
    settings.CHIMERA_REHEARSAL = False
    available = True
    monkeypatch.setattr("providers.practice.PracticeModel.available", lambda: available)
    for available in (True, False, True):
        actions.ensure_builtin()
        assert AIModel.objects.usable_by(adele).exists() is available


@pytest.mark.django_db
def test_the_rehearsal_provider_is_there_only_when_asked_for(settings, adele: User) -> None:
    for wanted in (False, True, False):
        settings.CHIMERA_REHEARSAL = wanted
        actions.ensure_builtin()
        assert AIModel.objects.usable_by(adele).filter(provider__kind="rehearsal").exists() is wanted
    with pytest.raises(SwitchedOff):
        find_route(AIModel.objects.get(provider__kind="rehearsal").pk)


@pytest.mark.django_db
def test_a_missing_practice_model_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    actions.ensure_builtin()
    model = AIModel.objects.get(provider__kind="builtin")
    monkeypatch.setattr("providers.practice.PracticeModel.reason", lambda: "It is not installed.")
    with pytest.raises(PracticeModelMissing) as told:
        find_route(model.pk)
    assert told.value.sentence == "It is not installed."


@pytest.mark.django_db
def test_builtin_yields_its_name_to_a_row_that_has_it() -> None:
    ProviderConfig.objects.create(kind="openai_compatible", label="Practice model")
    actions.ensure_builtin()
    assert ProviderConfig.objects.get(kind="builtin").label != "Practice model"


def test_models_are_added_once_and_switched_off(provider: ProviderConfig, model: AIModel) -> None:
    added = actions.add_models(provider, ["model-1", "new", "new", "", "x" * 300], enabled=False)
    assert [(row.model_id, row.enabled) for row in added] == [("new", False)]
    assert actions.add_models(provider, ["model-1", "new"], enabled=True) == []


# ---- The ledger


def test_open_reserves_and_settle_books(model: AIModel, stop_line: Allowance) -> None:
    call = opened(model)
    assert books() == books(Period.MONTH) == (0, 1, 0, 150)
    assert (call.state, call.forecast, call.provider_name, call.model_name) == ("open", 1, "Example", "model-1")
    assert settle_call(call, WHOLE)
    assert books() == books(Period.MONTH) == (Decimal("0.25"), 0, 15, 0)
    call.refresh_from_db()
    assert (call.state, call.cost, call.input_tokens, call.output_tokens) == ("settled", Decimal("0.25"), 10, 5)
    assert (call.estimated, call.error, call.first_text_ms, call.total_ms) == (False, "", 80, 900)


def test_a_call_is_settled_once(model: AIModel, stop_line: Allowance) -> None:
    call = opened(model)
    assert settle_call(call, WHOLE)
    assert not settle_call(call, WHOLE)
    assert not abandon_calls(["turn"])
    assert books() == (Decimal("0.25"), 0, 15, 0)


def test_a_failed_call_says_why(model: AIModel, stop_line: Allowance) -> None:
    call = opened(model)
    error = RateLimitExceeded("slow down\0", status=429)
    settle_call(call, Outcome(Usage(), Decimal(0), estimated=False, total_ms=2**40, error=error))
    call.refresh_from_db()
    assert (call.state, call.error, call.error_detail) == ("failed", "RateLimitExceeded", "slow down")
    assert books() == (0, 0, 0, 0)


def test_the_stop_line_holds_to_the_cent(model: AIModel, stop_line: Allowance) -> None:
    calls = [opened(model, Decimal("0.1")) for _ in range(50)]
    with pytest.raises(StopLineReached) as caught:
        opened(model, Decimal("0.00000001"))
    assert "administrator can raise it" in caught.value.sentence
    assert "5.0000 USD" in caught.value.detail
    assert Call.objects.count() == 50
    assert books()[1] == 5
    for call in calls:
        settle_call(call, WHOLE)
    assert books() == (Decimal("12.5"), 0, 750, 0)
    with pytest.raises(StopLineReached):
        opened(model)


def test_what_is_free_passes_a_stop_line_that_is_reached(model: AIModel, stop_line: Allowance) -> None:
    settle_call(opened(model), Outcome(Usage(), Decimal(7), estimated=False, total_ms=1))
    assert opened(model, Decimal(0))


def test_zero_is_a_limit_and_null_is_none(model: AIModel, stop_line: Allowance) -> None:
    stop_line.money_limit = Decimal(0)
    stop_line.save()
    with pytest.raises(StopLineReached):
        opened(model)
    stop_line.money_limit = None
    stop_line.save()
    assert opened(model, Decimal(1000))
    assert opened(model, None)


def test_an_unknown_price_under_a_limit_is_refused(model: AIModel, stop_line: Allowance) -> None:
    with pytest.raises(PriceUnknown) as caught:
        opened(model, None)
    assert "set the price in the model's settings" in caught.value.sentence
    assert not Call.objects.exists()


def test_limits_of_tokens_and_of_a_month(model: AIModel, stop_line: Allowance) -> None:
    stop_line.token_limit = 300
    stop_line.save()
    opened(model)
    opened(model)
    with pytest.raises(StopLineReached):
        opened(model)
    stop_line.token_limit = None
    stop_line.save()
    Allowance.objects.create(site=True, period=Period.MONTH, money_limit=Decimal(3))
    opened(model)
    with pytest.raises(StopLineReached):
        opened(model)


def test_a_stop_line_that_was_deleted_comes_back(model: AIModel, settings) -> None:
    Allowance.objects.all().delete()
    opened(model)
    assert Allowance.objects.get(site=True).money_limit == settings.STOP_LINE


def test_yesterday_does_not_count(model: AIModel, stop_line: Allowance) -> None:
    today = timezone.now().astimezone(UTC).date()
    Balance.objects.create(site=True, period=Period.DAY, starts=today - timedelta(days=1), spent=Decimal(99))
    assert opened(model)


@pytest.mark.parametrize(
    ("at", "day", "month"),
    [
        (datetime(2026, 3, 1, 0, 0, tzinfo=UTC), date(2026, 3, 1), date(2026, 3, 1)),
        (
            datetime(2026, 3, 1, 0, 30, tzinfo=timezone.get_fixed_timezone(60)),
            date(2026, 2, 28),
            date(2026, 2, 1),
        ),
    ],
)
def test_periods_begin_in_utc(at: datetime, day: date, month: date) -> None:
    assert (beginning(Period.DAY, at), beginning(Period.MONTH, at)) == (day, month)


def test_calls_of_dead_turns_are_booked_at_their_forecast(model: AIModel, stop_line: Allowance) -> None:
    dead, other = opened(model, turn_key="dead"), opened(model, turn_key="alive")
    assert abandon_calls(["dead", "never", ""]) == 1
    dead.refresh_from_db()
    other.refresh_from_db()
    assert (dead.state, dead.cost, other.state) == (CallState.ABANDONED, 1, CallState.OPEN)
    assert books() == (1, 1, 150, 150)
    assert not settle_call(dead, WHOLE)


def test_calls_without_a_turn_are_abandoned_after_an_hour(model: AIModel, stop_line: Allowance) -> None:
    old, young, with_turn = opened(model, turn_key=""), opened(model, turn_key=""), opened(model)
    Call.objects.filter(pk__in=[old.pk, with_turn.pk]).update(started_at=timezone.now() - timedelta(minutes=61))
    assert abandon_calls_without_turn() == 1
    assert list(Call.objects.filter(state=CallState.OPEN).order_by("pk")) == [young, with_turn]


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_cannot_overspend(model: AIModel, stop_line: Allowance) -> None:
    results: list[str] = []
    barrier = threading.Barrier(50)

    def call() -> None:
        barrier.wait(30)
        try:
            opened(model, Decimal("0.3"))
            results.append("opened")
        except StopLineReached:
            results.append("refused")
        finally:
            connection.close()

    in_parallel(call, 50)
    assert sorted(results) == ["opened"] * 16 + ["refused"] * 34
    assert books()[1] == Decimal("4.8")


@pytest.mark.django_db(transaction=True)
def test_many_at_once_settle_to_the_sum(model: AIModel, stop_line: Allowance) -> None:
    def call() -> None:
        try:
            for _ in range(5):
                settle_call(opened(model, Decimal("0.1")), WHOLE)
        finally:
            connection.close()

    stop_line.money_limit = None
    stop_line.save()
    in_parallel(call, 8)
    assert books() == books(Period.MONTH) == (10, 0, 600, 0)


def in_parallel(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ---- What is learned


def test_cooling_grows_and_never_shrinks(provider: ProviderConfig) -> None:
    actions.note_cooling(provider.pk, 60)
    provider.refresh_from_db()
    first = provider.cooling_until
    assert timedelta(50) > first - timezone.now() > timedelta(seconds=30)
    for seconds in (5, 0, -1, float("nan"), float("inf")):
        actions.note_cooling(provider.pk, seconds)
    provider.refresh_from_db()
    assert provider.cooling_until == first
    actions.note_cooling(provider.pk, 1e9)
    provider.refresh_from_db()
    assert provider.cooling_until - timezone.now() < timedelta(hours=2)


def test_health_is_noted_at_most_once_a_minute(provider: ProviderConfig) -> None:
    actions.note_health(provider.pk, None)
    actions.note_health(provider.pk, RateLimitExceeded("first"))
    actions.note_health(provider.pk, RateLimitExceeded("second"))
    provider.refresh_from_db()
    assert provider.last_ok is not None
    assert provider.last_error == "RateLimitExceeded: first"
    ProviderConfig.objects.update(last_error_at=timezone.now() - timedelta(seconds=61))
    actions.note_health(provider.pk, RateLimitExceeded("third"))
    provider.refresh_from_db()
    assert provider.last_error == "RateLimitExceeded: third"


def test_refused_fields_add_up(model: AIModel) -> None:
    actions.note_refused(model.pk, ["min_p", "top_k"])
    actions.note_refused(model.pk, ["top_k", "seed"])
    model.refresh_from_db()
    assert model.refused_params == ["min_p", "seed", "top_k"]
