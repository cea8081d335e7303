"""People, and what was done that someone may ask about later."""

import unicodedata
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q

COLOURS = 12


def email_key(email: str) -> str:
    """What two spellings of one address have in common: e-mail is compared and looked up by it alone."""
    return unicodedata.normalize("NFKC", email.strip()).casefold()


class SiteRole(models.TextChoices):
    ADMINISTRATOR = "administrator"
    MEMBER = "member"
    GUEST = "guest"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.strip(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email_key: str, password: str | None = None, **fields: Any) -> "User":
        """An administrator, by `manage.py createsuperuser`, which asks for the login field under its own name."""
        return self.create_user(email_key, password, site_role=SiteRole.ADMINISTRATOR, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email_key=email_key(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    """A person. People are scrubbed (`scrubbed_at`), never deleted: what they said has an author for ever."""

    email = models.EmailField("e-mail", max_length=254)
    email_key = models.CharField("e-mail", max_length=254, unique=True, editable=False)
    display_name = models.CharField("name", max_length=60)
    colour = models.PositiveSmallIntegerField(default=1)
    site_role = models.CharField("role", max_length=13, choices=SiteRole, default=SiteRole.MEMBER)
    is_active = models.BooleanField("may log in", default=True)
    settings = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    scrubbed_at = models.DateTimeField(null=True, blank=True, editable=False)

    USERNAME_FIELD = "email_key"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["display_name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ["display_name", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(site_role__in=SiteRole.values), name="chimera_site_user_site_role"),
            models.CheckConstraint(condition=Q(colour__range=(1, COLOURS)), name="chimera_site_user_colour"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.email

    def save(self, **kwargs: Any) -> None:
        self.email_key = email_key(self.email)
        super().save(**kwargs)

    def clean(self) -> None:
        """Not the inherited one, which would write the folded address over the typed one."""
        self.email = self.email.strip()

    @property
    def is_administrator(self) -> bool:
        return self.site_role == SiteRole.ADMINISTRATOR

    @property
    def is_staff(self) -> bool:
        return self.is_administrator

    @property
    def is_superuser(self) -> bool:  # type: ignore[override]  # a column no longer: the role is the one truth
        return self.is_administrator

    def get_short_name(self) -> str:
        return self.display_name

    def get_full_name(self) -> str:
        return self.display_name


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def update(self, **kwargs: Any) -> int:
        raise TypeError("An audit event is never changed.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("An audit event is never deleted.")


class AuditEvent(models.Model):
    """One thing done, by whom and to what. Written by `chimera_site.audit.record` alone; holds no secret."""

    FOUNDED: ClassVar = "site.founded"

    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    actor_name = models.CharField(max_length=60, blank=True)
    address = models.GenericIPAddressField(null=True)
    event = models.CharField(max_length=60)
    subject = models.CharField(max_length=200, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            # Of two first visitors one makes the site's first account, in whatever order they commit.
            models.UniqueConstraint("event", condition=Q(event="site.founded"), name="chimera_site_founded_once"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.subject}".strip()

    def save(self, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("An audit event is never changed.")
        super().save(**kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("An audit event is never deleted.")
