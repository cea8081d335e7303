"""Start-up checks: what would make the site unsafe or useless is said before the first visitor comes."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from chimera_site import secret_file
from providers.connect import secret_context
from providers.keyring import SecretUnavailable, unseal
from providers.models import ProviderConfig


@register(Tags.security)
def hosts_are_named(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A wildcard host lets any page open our sockets, and any Host header into our links."""
    loose = [host for host in settings.ALLOWED_HOSTS if "*" in host or host.startswith(".")]
    if settings.DEBUG or not loose:
        return []
    return [
        Error(
            f"The site would answer to any host ({loose[0]}).",
            hint="Name the one where it lives: CHIMERA_URL=https://chat.example.org",
            id="chimera_site.E001",
        )
    ]


@register(Tags.security)
def secrets_are_closed(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    try:
        secret_file.load(settings.SECRETS_PATH)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="chimera_site.E002")]
    return []


@register(Tags.security, deploy=True)
def secrets_last(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.SECRET_KEY_IS_LASTING and settings.CHIMERA_ENCRYPTION_KEYS:
        return []
    return [
        Error(
            "SECRET_KEY or CHIMERA_ENCRYPTION_KEYS would be new at every start.",
            hint=f"Give both in the environment, or let `make run` write them to {settings.SECRETS_PATH}.",
            id="chimera_site.E003",
        )
    ]


@register(Tags.database)
def stored_keys_open(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """A lost or wrong key ring stops no site; better, though, to hear of it now than from a failed reply."""
    try:
        closed = sorted(provider.label for provider in ProviderConfig.objects.exclude(secret="") if not opens(provider))
    except DatabaseError:
        return []  # not migrated yet
    if not closed:
        return []
    return [
        checks.Warning(
            f"The stored keys of these providers do not open: {', '.join(closed)}.",
            hint="Bring back the secrets.json or CHIMERA_ENCRYPTION_KEYS they were sealed with, or enter them again.",
            id="chimera_site.W001",
        )
    ]


def opens(provider: ProviderConfig) -> bool:
    try:
        unseal(provider.secret, secret_context(provider))
    except SecretUnavailable:
        return False
    return True
