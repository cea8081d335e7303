"""What subjects spent and reserved: a Balance per subject and period, locked by ascending id."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.models import F, Q
from django.db.models.functions import Round

from providers.errors import PriceUnknown, StopLineReached
from providers.models import Allowance, Balance, Period, Subject

SITE: Final[dict[str, Any]] = {"site": True}
"""Whom every call is about. People, groups and rooms may join the list."""

PLACES: Final = 8
"""SQLite counts in floats: without rounding, what is reserved and given back leaves a rest below zero."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Money in USD, None where the price is unknown; tokens."""

    money: Decimal | None
    tokens: int


def stop_line() -> Allowance:
    """The site's daily limit. Where somebody deleted it, it is made anew: no site is without one by accident."""
    defaults = {"money_limit": settings.STOP_LINE}
    return Allowance.objects.get_or_create(site=True, period=Period.DAY, defaults=defaults)[0]


def reserve(amount: Amount, at: datetime) -> None:
    """Set `amount` aside in all periods that hold `at`, or nothing at all. Inside a transaction.

    Raises StopLineReached where it does not fit, PriceUnknown where money is limited and the price unknown. What
    costs nothing always fits a money limit.
    """
    limits = {_identity(allowance): allowance for allowance in _allowances()}
    if amount.money is None and any(allowance.money_limit is not None for allowance in limits.values()):
        raise PriceUnknown
    accounts = _accounts(at)
    places = reduce(or_, (_where_it_fits(account, limits.get(_identity(account)), amount) for account in accounts))
    reserved = (
        Balance.objects.alias(taken=F("spent") + F("reserved"))
        .filter(places)
        .update(
            reserved=Round(F("reserved") + (amount.money or Decimal(0)), PLACES),
            tokens_reserved=F("tokens_reserved") + amount.tokens,
        )
    )
    if reserved < len(accounts):
        raise StopLineReached(_what_is_full(accounts, limits))


def settle(reserved: Amount, spent: Amount, at: datetime) -> None:
    """Put what was spent in the place of what was reserved at `at`. Inside a transaction."""
    rows = Balance.objects.filter(_named(_wanted(at)))
    if connection.features.has_select_for_update:
        list(rows.select_for_update().order_by("pk").values_list("pk"))  # one statement locks in any order
    rows.update(
        reserved=Round(F("reserved") - (reserved.money or Decimal(0)), PLACES),
        spent=Round(F("spent") + (spent.money or Decimal(0)), PLACES),
        tokens_reserved=F("tokens_reserved") - reserved.tokens,
        tokens_spent=F("tokens_spent") + spent.tokens,
    )


def beginning(period: str, at: datetime) -> date:
    """The day on which the period that holds `at` began, in UTC."""
    day = at.astimezone(UTC).date()
    return day if period == Period.DAY else day.replace(day=1)


def _allowances() -> list[Allowance]:
    found = list(Allowance.objects.filter(**SITE))
    if any(allowance.period == Period.DAY for allowance in found):
        return found
    return [*found, stop_line()]


def _accounts(at: datetime) -> list[Balance]:
    """The rows, locked. Every period has one, limited or not: a limit set at noon counts what was spent since."""
    wanted = _wanted(at)
    rows = Balance.objects.filter(_named(wanted)).order_by("pk")
    found = list(rows.select_for_update())
    if len(found) < len(wanted):
        Balance.objects.bulk_create([Balance(**fields) for fields in wanted], ignore_conflicts=True)
        found = list(rows.select_for_update())
    return found


def _wanted(at: datetime) -> list[dict[str, Any]]:
    return [SITE | {"period": period.value, "starts": beginning(period, at)} for period in Period]


def _named(wanted: list[dict[str, Any]]) -> Q:
    return reduce(or_, (Q(**fields) for fields in wanted))


def _identity(row: Subject) -> tuple[object, ...]:
    return row.user_id, row.group_id, row.conversation_key, row.site, row.period  # type: ignore[attr-defined]


def _where_it_fits(account: Balance, allowance: Allowance | None, amount: Amount) -> Q:
    """The condition under which this row takes the amount."""
    place = Q(pk=account.pk)
    if allowance is None:
        return place
    if allowance.money_limit is not None and amount.money:
        place &= Q(taken__lte=allowance.money_limit - amount.money)
    if allowance.token_limit is not None:
        place &= Q(tokens_spent__lte=allowance.token_limit - amount.tokens - F("tokens_reserved"))
    return place


def _what_is_full(accounts: Iterable[Balance], limits: dict[tuple[object, ...], Allowance]) -> str:
    """For the ledger's reader: each limit, and what is gone of it."""
    pairs = [(account, limits[_identity(account)]) for account in accounts if _identity(account) in limits]
    return "; ".join(
        f"limit a {limit.period}: {limit.money_limit} USD, {limit.token_limit} tokens; "
        f"spent {account.spent} and reserved {account.reserved} USD"
        for account, limit in pairs
    )
