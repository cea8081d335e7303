"""Sealing, opening, and all the ways in which a value must not open."""

import json

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from providers.keyring import SecretUnavailable, rotate, seal, unseal
from providers.models import ProviderConfig

SECRET = "sk-a-secret-of-the-tests-9876"


def keys(count: int) -> list[str]:
    return [Fernet.generate_key().decode() for _ in range(count)]


@given(st.text())
def test_what_is_sealed_opens(text: str) -> None:
    assert unseal(seal(text, "here"), "here") == text


def test_sealed_text_shows_nothing() -> None:
    assert SECRET not in seal(SECRET, "here")
    assert seal(SECRET, "here") != seal(SECRET, "here")


def test_swapped_values_do_not_open() -> None:
    with pytest.raises(SecretUnavailable, match="another place"):
        unseal(seal(SECRET, "provider:1:secret"), "provider:2:secret")


@pytest.mark.parametrize("value", ["", "sk-plain", "v1:", "v1:gAAAAAnonsense", "v2:gAAAAA", SECRET])
def test_what_is_not_sealed_does_not_open(value: str) -> None:
    with pytest.raises(SecretUnavailable) as caught:
        unseal(value, "here")
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize("ring", [[], ["not a key"], keys(1)])
def test_a_lost_ring_is_a_typed_error(settings, ring: list[str]) -> None:
    sealed = seal(SECRET, "here")
    settings.CHIMERA_ENCRYPTION_KEYS = ring
    with pytest.raises(SecretUnavailable) as caught:
        unseal(sealed, "here")
    assert not any(key in str(caught.value) for key in ring)
    assert caught.value.__suppress_context__


def test_rotation_moves_to_the_newest_key(settings) -> None:
    old, new = keys(2)
    settings.CHIMERA_ENCRYPTION_KEYS = [old]
    sealed = seal(SECRET, "here")
    settings.CHIMERA_ENCRYPTION_KEYS = [new, old]
    assert unseal(sealed, "here") == SECRET
    turned = rotate(sealed)
    settings.CHIMERA_ENCRYPTION_KEYS = [new]
    assert unseal(turned, "here") == SECRET
    with pytest.raises(SecretUnavailable):
        rotate(sealed)


@pytest.mark.django_db
def test_field_refuses_plain_text_before_sql(django_assert_num_queries) -> None:
    row = ProviderConfig.objects.create(kind="openai_compatible", label="One")
    row.secret = SECRET
    with django_assert_num_queries(0):
        with pytest.raises(ValueError) as caught:
            row.save()
        with pytest.raises(ValueError):
            ProviderConfig.objects.update(secret=SECRET)
        with pytest.raises(ValueError):
            ProviderConfig.objects.bulk_create([ProviderConfig(kind="x", label="Two", secret="v1:" + SECRET)])
    assert SECRET not in str(caught.value)


@pytest.mark.django_db
def test_field_takes_sealed_text_and_nothing() -> None:
    sealed = seal(SECRET, "here")
    row = ProviderConfig.objects.create(kind="openai_compatible", label="One", secret=sealed)
    row.refresh_from_db()
    assert row.secret == sealed
    assert row.headers == ""


@pytest.mark.django_db
def test_dumps_leave_secrets_out() -> None:
    ProviderConfig.objects.create(kind="openai_compatible", label="One", secret=seal(SECRET, "here"))
    (dumped,) = json.loads(serializers.serialize("json", ProviderConfig.objects.all()))
    assert dumped["fields"]["secret"] == dumped["fields"]["headers"] == ""


@pytest.mark.django_db
def test_no_plain_text_in_the_database() -> None:
    ProviderConfig.objects.create(kind="openai_compatible", label="One", secret=seal(SECRET, "here"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM providers_providerconfig")
        assert SECRET not in repr(cursor.fetchall())
