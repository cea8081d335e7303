"""The audit trail's one way in. Lower apps find `record` through the setting AUDIT_RECORDER."""

from typing import Any

from chimera_site.log import client_address
from chimera_site.models import AuditEvent, User


def record(
    event: str,
    *,
    actor: User | None = None,
    subject: object = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write down that `actor` did `event` to `subject`, inside the transaction that does it.

    `before` and `after` hold what changed as JSON, and never a secret.
    """
    AuditEvent.objects.create(
        actor=actor,
        actor_name=actor.display_name if actor else "",
        address=client_address.get(),
        event=event,
        subject=str(subject)[:200],
        before=before or {},
        after=after or {},
    )
