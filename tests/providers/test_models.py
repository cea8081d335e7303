"""What the tables themselves refuse, and who is offered which model."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils import timezone

from chimera_site.models import User
from providers.models import AIModel, Allowance, Balance, Call, CallState, Period, ProviderConfig, Purpose, Source


def refused(make: Any) -> bool:
    """Whether the database refuses what `make` writes."""
    try:
        with transaction.atomic():
            make()
    except IntegrityError:
        return True
    return False


def make_call(**fields: Any) -> Call:
    return Call.objects.create(
        **{
            "provider_name": "p",
            "model_name": "m",
            "purpose": Purpose.REPLY,
            "started_at": timezone.now(),
            **fields,
        }
    )


# ---- Constraints


def test_a_label_is_taken_once(provider: ProviderConfig) -> None:
    assert refused(lambda: ProviderConfig.objects.create(kind="x", label=provider.label))


@pytest.mark.django_db
def test_the_environment_has_one_row_a_kind_and_people_as_many_as_they_like() -> None:
    for source, expected in ((Source.ENVIRONMENT, True), (Source.ADMIN, False)):
        ProviderConfig.objects.create(kind="k", label=f"{source} 1", source=source)
        assert refused(lambda: ProviderConfig.objects.create(kind="k", label=f"{source} 2", source=source)) is expected  # noqa: B023


def test_a_model_is_once_in_its_provider(model: AIModel) -> None:
    assert refused(lambda: AIModel.objects.create(provider=model.provider, model_id=model.model_id))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"state": "nonsense"}, True),
        ({"purpose": "nonsense"}, True),
        ({"state": CallState.FAILED, "error": "TimedOut"}, False),
        ({"state": CallState.FAILED}, True),
        ({"state": CallState.SETTLED, "error": "TimedOut"}, True),
        ({"state": CallState.ABANDONED, "error": "TimedOut"}, True),
        ({"input_tokens": -1}, True),
        ({"cached_tokens": -1}, True),
        ({"cache_write_tokens": -1}, True),
        ({"output_tokens": -1}, True),
        ({"reasoning_tokens": -1}, True),
    ],
)
def test_calls(fields: dict[str, Any], expected: bool) -> None:
    assert refused(lambda: make_call(**fields)) is expected


def test_a_call_outlives_its_model_and_provider(model: AIModel) -> None:
    call = make_call(model=model)
    model.provider.delete()
    call.refresh_from_db()
    assert (call.model, call.model_name) == (None, "m")


@pytest.mark.parametrize("count", range(5))
def test_a_limit_is_about_exactly_one_subject(alice: User, count: int) -> None:
    Allowance.objects.all().delete()
    subjects = {"user": alice, "group": Group.objects.create(name="g"), "conversation_key": "c", "site": True}
    for table, more in ((Allowance, {}), (Balance, {"starts": date(2026, 1, 1)})):
        fields = dict(list(subjects.items())[:count])
        assert refused(lambda: table.objects.create(**fields, **more)) is (count != 1)  # noqa: B023


def test_a_subject_has_one_limit_a_period(alice: User) -> None:
    Allowance.objects.all().delete()
    for subject in ({"site": True}, {"user": alice}, {"conversation_key": "c"}):
        for period in Period:
            Allowance.objects.create(**subject, period=period)
            assert refused(lambda: Allowance.objects.create(**subject, period=period))  # noqa: B023


@pytest.mark.django_db
@pytest.mark.parametrize("column", ["spent", "reserved"])
def test_balances_are_never_below_zero(column: str) -> None:
    fields = {"site": True, "starts": date(2026, 1, 1)}
    assert refused(lambda: Balance.objects.create(**fields, **{column: Decimal("-0.00000001")}))


# ---- Who may use what


def test_usable_are_enabled_models_of_enabled_providers(model: AIModel, alice: User) -> None:
    assert list(AIModel.objects.usable_by(alice)) == [model]
    for row, fields in (
        (model, {"enabled": False}),
        (model, {"retired_at": timezone.now()}),
        (model.provider, {"enabled": False}),
    ):
        former = {name: getattr(row, name) for name in fields}
        type(row).objects.filter(pk=row.pk).update(**fields)
        assert not AIModel.objects.usable_by(alice).exists()
        type(row).objects.filter(pk=row.pk).update(**former)
    assert AIModel.objects.usable_by(alice).exists()


def test_groups_narrow_who_may_use_a_model(model: AIModel, alice: User, bob: User) -> None:
    groups = [Group.objects.create(name="one"), Group.objects.create(name="two")]
    model.groups.set(groups)
    alice.groups.set(groups)
    assert list(AIModel.objects.usable_by(alice)) == [model]
    assert not AIModel.objects.usable_by(bob).exists()


def test_models_are_offered_in_the_order_of_their_positions(provider: ProviderConfig, alice: User) -> None:
    first = ProviderConfig.objects.create(kind="k", label="First")
    ProviderConfig.objects.filter(pk=provider.pk).update(position=5)
    for owner, name, position in ((provider, "d", 0), (first, "c", 2), (first, "b", 1), (first, "a", 2)):
        AIModel.objects.create(provider=owner, model_id=name, label=name, position=position)
    assert [model.model_id for model in AIModel.objects.usable_by(alice)] == ["b", "a", "c", "d"]


def test_names(model: AIModel, provider: ProviderConfig) -> None:
    assert str(model) == "model-1"
    model.label = "One"
    assert (str(model), str(provider)) == ("One", "Example")
    assert "secret" not in repr(provider)
