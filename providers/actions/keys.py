"""Secrets of a provider: written here, sealed to their row, and never told again."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.views.decorators.debug import sensitive_variables

from providers.actions.audit import audit
from providers.connect import headers_context, secret_context
from providers.database import writing
from providers.keyring import seal
from providers.models import ProviderConfig

ONE_LINE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
SHOWABLE_FROM: Final = 12
"""Characters: of a shorter key the last four would tell too much."""


@sensitive_variables("key")
def save_key(provider: ProviderConfig, key: str, *, actor: Any = None) -> None:
    """Keep a key, sealed to this saved row. Raises ValidationError for what cannot stand in a header."""
    key = checked_key(key)
    provider.secret = seal(key, secret_context(provider))
    provider.last4 = key[-4:] if len(key) >= SHOWABLE_FROM else ""
    _keep(provider, ["secret", "last4"], "provider.key_saved", actor)


def remove_key(provider: ProviderConfig, *, actor: Any = None) -> None:
    provider.secret = provider.last4 = ""
    _keep(provider, ["secret", "last4"], "provider.key_removed", actor)


@sensitive_variables("headers")
def save_headers(provider: ProviderConfig, headers: Mapping[str, str], *, actor: Any = None) -> None:
    """Keep the further headers of each request, in the place of the former ones. Raises ValidationError."""
    kept = checked_headers(headers)
    provider.headers = seal(json.dumps(kept), headers_context(provider)) if kept else ""
    _keep(provider, ["headers"], "provider.headers_saved", actor)


@sensitive_variables("key")
def checked_key(key: str) -> str:
    key = key.strip()
    if not ONE_LINE.fullmatch(key):
        raise ValidationError("A key is one line of plain letters, digits and signs.")
    return key


@sensitive_variables("headers", "name", "value")
def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name):
            raise ValidationError("A header's name holds letters, digits and hyphens only.")
        if not isinstance(value, str) or not ONE_LINE.fullmatch(value):
            raise ValidationError("A header's value is one line of plain letters, digits and signs.")
    return dict(headers)


def _keep(provider: ProviderConfig, fields: list[str], event: str, actor: Any) -> None:
    with writing():
        provider.save(update_fields=fields)
        audit(event, actor=actor, subject=provider.label)
