"""The site's audit trail, seen from below: the setting AUDIT_RECORDER names its one function."""

from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string


def audit(
    event: str,
    *,
    actor: Any = None,
    subject: object = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write down who did what, inside the transaction that does it. Never give it a secret."""
    import_string(settings.AUDIT_RECORDER)(event, actor=actor, subject=subject, before=before, after=after)
