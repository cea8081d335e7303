"""Whether a configured service answers, and why not. Costs nothing: no model is asked."""

from dataclasses import dataclass

from providers.actions import note_health
from providers.connect import adapter_for
from providers.database import in_database
from providers.errors import ProviderError
from providers.models import ProviderConfig


@dataclass(frozen=True, slots=True)
class Health:
    """`sentence` is for the administrator, and may hold the service's own words."""

    ok: bool
    sentence: str


async def check(provider_id: int) -> Health:
    """Ask the service now. Never raises ProviderError."""
    provider = await in_database(ProviderConfig.objects.get, pk=provider_id)
    try:
        adapter = adapter_for(provider)
        # A list of models says why; a health check says only that.
        if not await adapter.health_check() and not await adapter.get_models():
            return Health(False, "The service does not answer.")
    except ProviderError as error:
        await in_database(note_health, provider_id, error)
        return Health(False, f"{error.sentence} ({error.detail})" if error.detail else error.sentence)
    except Exception as error:
        return Health(False, f"A defect of the adapter: {type(error).__name__}.")
    await in_database(note_health, provider_id, None)
    return Health(True, "The service answers.")
