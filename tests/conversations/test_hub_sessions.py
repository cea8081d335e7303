"""Which sessions still hold, whatever ended the others."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from chimera_site.models import User
from conversations.hub.sessions import holding
from tests.conversations.sockets import sign_in

pytestmark = pytest.mark.django_db


def logout(key: str, user: User) -> None:
    Session.objects.filter(pk=key).delete()


def expire(key: str, user: User) -> None:
    Session.objects.filter(pk=key).update(expire_date=timezone.now())


def deactivate(key: str, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(key: str, user: User) -> None:
    user.set_password("another")
    user.save()


@pytest.mark.parametrize("end", [logout, expire, deactivate, change_password])
def test_a_session_that_has_ended_falls_out(alice: User, bob: User, end: Callable[[str, User], None]) -> None:
    stays, goes = sign_in(alice), sign_in(bob)
    assert holding({stays, goes}) == {stays: alice.pk, goes: bob.pk}
    end(goes, bob)
    assert holding({stays, goes}) == {stays: alice.pk}


def test_two_queries_for_any_number(alice: User, bob: User, django_assert_num_queries: Any) -> None:
    keys = {sign_in(alice), sign_in(alice), sign_in(bob), "nonsense"}
    with django_assert_num_queries(2):
        assert len(holding(keys)) == 3
