"""Which models a service has."""

from typing import Any

from providers.actions import add_models
from providers.connect import adapter_for
from providers.database import in_database
from providers.errors import ProviderError, ServiceUnavailable
from providers.models import AIModel, ProviderConfig


async def discover(provider_id: int, *, enabled: bool = False, actor: Any = None) -> list[AIModel]:
    """Add the service's models that have no row yet, switched on or off; returns those. Raises ProviderError."""
    provider = await in_database(ProviderConfig.objects.get, pk=provider_id)
    try:
        names = await adapter_for(provider).get_models()
    except ProviderError:
        raise
    except Exception as error:
        raise ServiceUnavailable(f"A defect of the adapter: {type(error).__name__}.") from None
    return await in_database(add_models, provider, names, enabled=enabled, actor=actor)
