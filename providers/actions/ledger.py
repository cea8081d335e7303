"""The ledger: a call is opened with a reservation, and settled or abandoned once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from providers.actions.balances import Amount, reserve, settle
from providers.database import writing
from providers.errors import ProviderError
from providers.events import Usage, clean_text
from providers.models import AIModel, Call, CallState, Purpose
from providers.pricing import Forecast

FORGOTTEN_AFTER: Final = timedelta(hours=1)
MOST_MILLISECONDS: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call. `estimated`: the service did not tell the tokens. `cost` None: nobody knows."""

    usage: Usage
    cost: Decimal | None
    estimated: bool
    total_ms: int
    first_text_ms: int | None = None
    error: ProviderError | None = None

    @property
    def state(self) -> CallState:
        return CallState.FAILED if self.error else CallState.SETTLED


def open_call(
    model: AIModel,
    forecast: Forecast,
    *,
    user_id: int | None,
    conversation_key: str,
    turn_key: str,
    purpose: Purpose,
) -> Call:
    """Reserve the forecast and write the open call. Raises StopLineReached, PriceUnknown.

    While it is open, its tokens are those that it reserved.
    """
    now = timezone.now()
    with writing():
        reserve(Amount(forecast.cost, forecast.input + forecast.output), now)
        return Call.objects.create(
            user_id=user_id,
            model=model,
            provider_name=model.provider.label,
            model_name=model.model_id,
            purpose=purpose,
            conversation_key=conversation_key,
            turn_key=turn_key,
            forecast=forecast.cost or Decimal(0),
            input_tokens=forecast.input,
            output_tokens=forecast.output,
            estimated=True,
            started_at=now,
        )


def settle_call(call: Call, outcome: Outcome) -> bool:
    """Book what a call came to, in the place of its reservation. False if it was settled or abandoned before."""
    error = outcome.error
    with writing():
        settled = Call.objects.filter(pk=call.pk, state=CallState.OPEN).update(
            state=outcome.state,
            input_tokens=outcome.usage.input,
            cached_tokens=outcome.usage.cached,
            cache_write_tokens=outcome.usage.cache_write,
            output_tokens=outcome.usage.output,
            reasoning_tokens=outcome.usage.reasoning,
            estimated=outcome.estimated,
            cost=outcome.cost,
            first_text_ms=_milliseconds(outcome.first_text_ms),
            total_ms=_milliseconds(outcome.total_ms),
            error=type(error).__name__[:40] if error else "",
            error_detail=clean_text(error.detail)[:500] if error else "",
        )
        if settled:
            spent = Amount(outcome.cost, outcome.usage.input + outcome.usage.output)
            settle(_reserved(call), spent, call.started_at)
    return bool(settled)


def abandon_calls(turn_keys: Iterable[str]) -> int:
    """Book the open calls of turns whose process died at their forecast: nobody knows what came. Returns how many."""
    return _abandon(Call.objects.filter(turn_key__in=[key for key in turn_keys if key]))


def open_turn_keys() -> list[str]:
    """The turns of the calls that are open now."""
    calls = Call.objects.filter(state=CallState.OPEN).exclude(turn_key="")
    return list(calls.values_list("turn_key", flat=True).distinct())


def abandon_calls_without_turn() -> int:
    """The same for calls that belong to no turn, once they are an hour old by the database's clock."""
    return _abandon(Call.objects.filter(turn_key="", started_at__lt=Now() - FORGOTTEN_AFTER))


def _abandon(calls: QuerySet[Call]) -> int:
    abandoned = 0
    for pk in calls.filter(state=CallState.OPEN).values_list("pk", flat=True):
        abandoned += _abandon_one(pk)
    return abandoned


def _abandon_one(pk: int) -> bool:
    with writing():
        call = Call.objects.select_for_update().filter(pk=pk, state=CallState.OPEN).first()
        if call is None:
            return False
        call.state, call.cost = CallState.ABANDONED, call.forecast
        call.save(update_fields=["state", "cost"])
        settle(_reserved(call), _reserved(call), call.started_at)
    return True


def _reserved(call: Call) -> Amount:
    return Amount(call.forecast, call.input_tokens + call.output_tokens)


def _milliseconds(value: int | None) -> int | None:
    return None if value is None else min(max(value, 0), MOST_MILLISECONDS)
