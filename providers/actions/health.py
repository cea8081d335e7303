"""What calls learn about a service, kept on its row for every process to see."""

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.db.models import DateTimeField, ExpressionWrapper, Q
from django.db.models.functions import Now

from providers.database import writing
from providers.errors import ProviderError
from providers.models import AIModel, ProviderConfig

NOTED_EVERY: Final = timedelta(minutes=1)
LONGEST_COOLING: Final = 3600.0


def note_cooling(provider_id: int, seconds: float) -> None:
    """Leave a service alone for so long, by the database's clock; a longer pause that was noted before stands."""
    if not math.isfinite(seconds) or seconds <= 0:
        return
    until = ExpressionWrapper(Now() + timedelta(seconds=min(seconds, LONGEST_COOLING)), DateTimeField())
    with writing():
        shorter = Q(cooling_until=None) | Q(cooling_until__lt=until)
        ProviderConfig.objects.filter(shorter, pk=provider_id).update(cooling_until=until)


def note_health(provider_id: int, error: ProviderError | None) -> None:
    """Note that a service answered, or how it failed, at most once a minute."""
    before = Now() - NOTED_EVERY
    row = ProviderConfig.objects.filter(pk=provider_id)
    with writing():
        if error is None:
            row.filter(Q(last_ok=None) | Q(last_ok__lt=before)).update(last_ok=Now())
        else:
            words = f"{type(error).__name__}: {error.detail}"[:300]
            row.filter(Q(last_error_at=None) | Q(last_error_at__lt=before)).update(
                last_error=words, last_error_at=Now()
            )


def note_refused(model_id: int, names: Iterable[str]) -> None:
    """Remember the fields that a model does not take, so that they are not sent again."""
    with writing():
        model = AIModel.objects.select_for_update().get(pk=model_id)
        model.refused_params = sorted({*model.refused_params, *names})[:100]
        model.save(update_fields=["refused_params"])
