"""From a provider's row to the adapter that speaks to it."""

import json

from django.views.decorators.debug import sensitive_variables

from providers import registry
from providers.base import AIProvider
from providers.errors import MissingKey, ServiceUnavailable
from providers.keyring import SecretUnavailable, unseal
from providers.models import ProviderConfig


def secret_context(provider: ProviderConfig) -> str:
    """Where a provider's key belongs: sealed for this place, it opens nowhere else."""
    return f"provider:{provider.key}:secret"


def headers_context(provider: ProviderConfig) -> str:
    return f"provider:{provider.key}:headers"


@sensitive_variables("api_key", "headers")
def adapter_for(provider: ProviderConfig) -> AIProvider:
    """The row's adapter, with its key. Raises MissingKey, also for a key that no ring opens; ServiceUnavailable."""
    try:
        adapter = registry.adapter(provider.kind)
    except registry.UnknownAdapter:
        raise ServiceUnavailable(f"This site has no adapter for '{provider.kind}'.") from None
    try:
        api_key = unseal(provider.secret, secret_context(provider)) if provider.secret else ""
        headers = unseal(provider.headers, headers_context(provider)) if provider.headers else "{}"
    except SecretUnavailable as error:
        raise MissingKey(f"The stored key or headers cannot be opened: {error} Enter them again.") from None
    if not api_key and adapter.needs_key:
        raise MissingKey
    row = {
        "api_key": api_key,
        "base_url": provider.base_url,
        "headers": json.loads(headers),
        "allow_local": provider.allow_local,
    }
    options = provider.options if isinstance(provider.options, dict) else {}
    return registry.build(provider.kind, **(options | row))


def stored_key(provider: ProviderConfig) -> str:
    """What an administrator may see of a key: that there is one, its last four, or that one is needed."""
    if not provider.secret:
        return "needs key" if _needs_key(provider.kind) else "none"
    try:
        unseal(provider.secret, secret_context(provider))
    except SecretUnavailable:
        return "needs key: the stored one cannot be opened"
    return f"••••{provider.last4}"


def _needs_key(kind: str) -> bool:
    try:
        return registry.adapter(kind).needs_key
    except registry.UnknownAdapter:
        return False
