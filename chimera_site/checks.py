"""Start-up checks: what would make the site unsafe or useless is said before the first visitor comes."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from chimera_site import secret_file


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
