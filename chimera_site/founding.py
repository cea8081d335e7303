"""The site's first account. Whoever makes it becomes administrator, so it is made only from this machine, or by
the one-time link that the start program prints.
"""

from django.conf import settings
from django.core import signing
from django.db import IntegrityError
from django.http import HttpRequest
from django.urls import reverse

from chimera_site import audit
from chimera_site.addresses import is_loopback
from chimera_site.models import AuditEvent, SiteRole, User
from conversations.errors import Conflict
from providers.database import writing

SALT = "chimera_site.founding"
LINK_SECONDS = 24 * 60 * 60


def is_founded() -> bool:
    return User.objects.exists()


def may_found(request: HttpRequest, key: str) -> bool:
    """Whether this visitor may make the first account, should there be none."""
    near = settings.IS_LOOPBACK and not request.was_forwarded  # type: ignore[attr-defined]
    return (near and is_loopback(request.META.get("REMOTE_ADDR"))) or is_valid(key)


def is_valid(key: str) -> bool:
    try:
        return bool(signing.loads(key, salt=SALT, max_age=LINK_SECONDS) == "found")
    except signing.BadSignature:
        return False


def link() -> str:
    """The address to open; it is used up by the account that it makes, since there can be only one first."""
    return f"{settings.CHIMERA_URL}{reverse('setup')}?key={signing.dumps('found', salt=SALT)}"


def found(*, email: str, display_name: str, password: str) -> User:
    """Make the first account. Raises Conflict if someone else has just done so."""
    user = User(email=email, display_name=display_name, site_role=SiteRole.ADMINISTRATOR)
    user.set_password(password)  # slow on purpose, hence before the transaction
    try:
        with writing():
            if is_founded():
                raise Conflict("This site has its first account already. Log in, or ask its administrator for one.")
            user.save()
            audit.record(AuditEvent.FOUNDED, actor=user, subject=user.pk)
    except IntegrityError as error:
        raise Conflict("Someone else made the first account a moment ago. Log in, or ask them for one.") from error
    return user
