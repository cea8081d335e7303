"""People and the audit trail, in Django's own admin."""

from typing import Any

import allauth.account.admin  # noqa: F401  (it registers what is taken out below)
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.http import HttpRequest

from chimera_site import audit
from chimera_site.models import AuditEvent, SiteRole, User, email_key
from providers.database import writing

# An address is changed with its person. A second list of them would only disagree.
admin.site.unregister(EmailAddress)

PLAIN_FIELDS = ("email", "display_name", "colour", "site_role", "is_active")


class OneAddress(ModelForm):  # type: ignore[type-arg]
    """Says in the form what the database would refuse: the folded address is no field of the form."""

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        if User.objects.filter(email_key=email_key(email)).exclude(pk=self.instance.pk).exists():
            raise ValidationError("Someone has this address already.")
        return email


class PersonCreationForm(OneAddress, BaseUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = PLAIN_FIELDS


class PersonChangeForm(OneAddress, UserChangeForm):  # type: ignore[type-arg]
    def clean(self) -> dict[str, Any]:
        """Without an administrator nobody could ever make one again."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        stays = cleaned.get("site_role") == SiteRole.ADMINISTRATOR and cleaned.get("is_active")
        others = User.objects.filter(site_role=SiteRole.ADMINISTRATOR, is_active=True).exclude(pk=self.instance.pk)
        if self.initial.get("site_role") == SiteRole.ADMINISTRATOR and not stays and not others.exists():
            raise ValidationError("This is the last administrator. Make somebody else one first.")
        return cleaned

    class Meta:
        model = User
        fields = PLAIN_FIELDS
        field_classes: dict[str, Any] = {}


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    form = PersonChangeForm
    add_form = PersonCreationForm
    fieldsets = (
        (None, {"fields": ("email", "password", "display_name", "colour")}),
        ("Rights", {"fields": ("site_role", "groups", "is_active")}),
        ("Dates", {"fields": ("created_at", "last_login", "scrubbed_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "display_name", "site_role", "password1", "password2")}),)
    readonly_fields = ("created_at", "last_login", "scrubbed_at")
    list_display = ("display_name", "email", "site_role", "is_active", "last_login")
    list_filter = ("site_role", "is_active", "groups")
    search_fields = ("email_key", "display_name")
    ordering = ("display_name", "pk")
    filter_horizontal = ("groups",)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        fields = [name for name in form.changed_data if name in PLAIN_FIELDS]
        with writing():
            super().save_model(request, obj, form, change)
            audit.record(
                "user.changed" if change else "user.made",
                actor=request.user if isinstance(request.user, User) else None,
                subject=obj.pk,
                before={name: form.initial.get(name) for name in fields} if change else {},
                after={name: form.cleaned_data[name] for name in fields},
            )

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # people are scrubbed: what they said has an author for ever


@admin.register(AuditEvent)
class AuditEventAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("at", "event", "subject", "actor_name", "address")
    list_filter = ("event", "at")
    search_fields = ("event", "subject", "actor_name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEvent | None = None) -> bool:
        return False
