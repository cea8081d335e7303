"""Providers, models and limits: what an administrator changes, and what the site brings along."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Max, Model
from django.utils import timezone

from providers import practice
from providers.actions.audit import audit
from providers.database import writing
from providers.models import REHEARSAL, AIModel, Allowance, ProviderConfig, Source

FREE = {"input_price": Decimal(0), "output_price": Decimal(0)}
REHEARSAL_MODEL = "rehearsal"


def save_provider(row: ProviderConfig, before: Mapping[str, Any], *, actor: Any = None) -> None:
    """Save a provider's plain fields. `before` holds those that changed, as they were."""
    _save(row, before, "provider", actor)


def save_model(row: AIModel, before: Mapping[str, Any], *, actor: Any = None) -> None:
    _save(row, before, "model", actor)


def save_allowance(row: Allowance, before: Mapping[str, Any], *, actor: Any = None) -> None:
    _save(row, before, "allowance", actor)


def delete_row(row: Model, *, actor: Any = None) -> None:
    """Delete a provider or a model. Its calls stay in the ledger, under their names."""
    with writing():
        audit(f"{row._meta.verbose_name}.deleted", actor=actor, subject=row)
        row.delete()


def enable_models(models: Iterable[AIModel], *, enabled: bool, actor: Any = None) -> int:
    """Offer models to people, or offer them no longer. Returns how many changed."""
    changed = [model for model in models if model.enabled is not enabled]
    with writing():
        for model in changed:
            model.enabled = enabled
            model.save(update_fields=["enabled"])
            audit("model.changed", actor=actor, subject=model, after={"enabled": enabled})
    return len(changed)


def add_models(provider: ProviderConfig, names: Iterable[str], *, enabled: bool, actor: Any = None) -> list[AIModel]:
    """Add those of a service's models that have no row yet. What is there already stays as it is."""
    with writing():
        known = set(provider.models.values_list("model_id", flat=True))
        last = provider.models.aggregate(last=Max("position"))["last"] or 0
        new = [name for name in dict.fromkeys(names) if name not in known and 0 < len(name) <= 200]
        rows = [
            AIModel(provider=provider, model_id=name, enabled=enabled, position=position)
            for position, name in enumerate(new, start=last + 1)
        ]
        added = AIModel.objects.bulk_create(rows)
        if added:
            audit("provider.models_added", actor=actor, subject=provider, after={"models": new[:100]})
    return added


def ensure_builtin() -> None:
    """Make the rows of what comes with the site, once; an administrator's changes stay.

    To be called at every start. The practice model is offered while it is installed; the rehearsal gets its row when
    the setting CHIMERA_REHEARSAL is first on.
    """
    with writing():
        practice_model = _ensure("builtin", "Practice model", practice.MODEL_ID, context=1024, follows=False)
        _offer(practice_model, practice.PracticeModel.available())
        if settings.CHIMERA_REHEARSAL:
            _ensure(REHEARSAL, "Rehearsal", REHEARSAL_MODEL, context=100_000, follows=True)


def _save(row: ProviderConfig | AIModel | Allowance, before: Mapping[str, Any], what: str, actor: Any) -> None:
    made = row._state.adding
    with writing():
        row.save()
        audit(
            f"{what}.made" if made else f"{what}.changed",
            actor=actor,
            subject=row,
            before={} if made else {name: _plain(value) for name, value in before.items()},
            after={name: _plain(getattr(row, name)) for name in before},
        )


def _plain(value: Any) -> Any:
    """A value as the audit trail's JSON keeps it."""
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)


def _ensure(kind: str, label: str, model_id: str, *, context: int, follows: bool) -> AIModel:
    provider = ProviderConfig.objects.filter(kind=kind, source=Source.ENVIRONMENT).first()
    if provider is None:
        label = label if not ProviderConfig.objects.filter(label=label).exists() else f"{label} ({kind})"
        last = ProviderConfig.objects.aggregate(last=Max("position"))["last"] or 0
        provider = ProviderConfig.objects.create(
            kind=kind, source=Source.ENVIRONMENT, label=label, allow_local=True, position=last + 1
        )
    model, made = AIModel.objects.get_or_create(
        provider=provider,
        model_id=model_id,
        defaults={"label": label, "context": context, "follows_instructions": follows, **FREE},
    )
    if made:
        provider.default_model = model
        provider.save(update_fields=["default_model"])
    return model


def _offer(model: AIModel, offered: bool) -> None:
    if offered is (model.retired_at is None):
        return
    model.retired_at = None if offered else timezone.now()
    model.save(update_fields=["retired_at"])
