"""Configured AI services, with secrets that go in and never come out."""

from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from providers import discovery, health, registry
from providers.actions import checked_headers, checked_key, remove_key, save_headers, save_key, save_provider
from providers.admin.base import WritingAdmin, former
from providers.connect import stored_key
from providers.errors import ProviderError, WrongAddress
from providers.http import checked_url
from providers.models import AIModel, ProviderConfig, Source

BROUGHT_ALONG = frozenset({"builtin", "rehearsal"})
"""Kinds whose one row the site makes by itself."""


def kinds() -> list[tuple[str, str]]:
    """The adapters a person may configure, with their names."""
    return [(slug, _kind_label(slug)) for slug in registry.slugs() if slug not in BROUGHT_ALONG]


def _kind_label(slug: str) -> str:
    try:
        return registry.adapter(slug).label or slug
    except registry.UnknownAdapter:
        return f"{slug} (cannot be loaded)"


class WriteOnlyTextarea(forms.Textarea):
    def format_value(self, value: Any) -> None:
        return None


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]
    """The row's plain fields, and its secrets, which are written and never shown: left empty they stay."""

    new_key = forms.CharField(
        label="Key",
        required=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="Left empty, the stored key stays.",
    )
    remove_key = forms.BooleanField(label="Remove the stored key", required=False)
    new_headers = forms.CharField(
        label="Further headers",
        required=False,
        widget=WriteOnlyTextarea(attrs={"rows": 3, "autocomplete": "off"}),
        help_text="One 'Name: value' a line, sent with each request. Left empty, the stored ones stay.",
    )
    remove_headers = forms.BooleanField(label="Remove the stored headers", required=False)

    class Meta:
        model = ProviderConfig
        fields = (
            "kind",
            "label",
            "base_url",
            "options",
            "enabled",
            "allow_local",
            "concurrency",
            "default_model",
            "position",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "default_model" in self.fields:
            own_models = AIModel.objects.filter(provider=self.instance.pk)
            self.fields["default_model"].queryset = own_models  # type: ignore[attr-defined]
        if "concurrency" in self.fields:
            self.fields["concurrency"].validators.append(MinValueValidator(1))

    @sensitive_variables()
    def clean_new_key(self) -> str:
        key: str = self.cleaned_data["new_key"]
        return checked_key(key) if key else ""

    @sensitive_variables()
    def clean_new_headers(self) -> dict[str, str]:
        pairs = [line.partition(":") for line in self.cleaned_data["new_headers"].splitlines() if line.strip()]
        return checked_headers({name.strip(): value.strip() for name, _, value in pairs})

    def clean_options(self) -> dict[str, Any]:
        options = self.cleaned_data["options"] or {}
        if not isinstance(options, dict):
            raise ValidationError("Options are a JSON object: {}")
        return options

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if url := cleaned.get("base_url"):
            try:
                checked_url(url, allow_local=bool(cleaned.get("allow_local")))
            except WrongAddress as error:
                self.add_error("base_url", error.detail)
        if {"kind", "base_url"} & set(self.changed_data):
            self._check_secrets_do_not_move(cleaned)
        return cleaned

    def _check_secrets_do_not_move(self, cleaned: dict[str, Any]) -> None:
        """A stored secret was given for one address; nobody can have it sent to another without knowing it."""
        if self.instance.secret and not (cleaned.get("new_key") or cleaned.get("remove_key")):
            self.add_error("new_key", "The stored key was given for the former address. Enter it again or remove it.")
        if self.instance.headers and not (cleaned.get("new_headers") or cleaned.get("remove_headers")):
            self.add_error("new_headers", "The stored headers were given for the former address. Enter them again.")


@admin.register(ProviderConfig)
class ProviderAdmin(WritingAdmin):
    form = ProviderForm
    list_display = (
        "label",
        "kind",
        "key_shown",
        "enabled",
        "source",
        "base_url",
        "last_ok",
        "last_error",
        "cooling_until",
    )
    list_filter = ("enabled", "kind", "source")
    search_fields = ("label", "kind", "base_url")
    actions = ("check_connection", "discover", "discover_and_enable")
    readonly_fields = ("key_shown", "source", "last_ok", "last_error", "last_error_at", "cooling_until")
    fieldsets = (
        (None, {"fields": ("kind", "label", "base_url", "allow_local", "enabled", "source")}),
        ("Secrets", {"fields": ("key_shown", "new_key", "remove_key", "new_headers", "remove_headers")}),
        ("Further", {"fields": ("default_model", "position", "concurrency", "options")}),
        ("State", {"fields": ("last_ok", "last_error", "last_error_at", "cooling_until")}),
    )

    @admin.display(description="stored key")
    def key_shown(self, row: ProviderConfig) -> str:
        return stored_key(row)

    @method_decorator(sensitive_post_parameters("new_key", "new_headers"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().changeform_view(request, *args, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "kind":
            return forms.ChoiceField(choices=kinds, help_text="Which service, or how a server of your own speaks.")
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: ProviderConfig | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "kind") if obj and obj.kind in BROUGHT_ALONG else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: ProviderConfig | None = None) -> bool:
        # What the site brings along would come back; it can be switched off.
        return super().has_delete_permission(request, obj) and (obj is None or obj.source != Source.ENVIRONMENT)

    @sensitive_variables("secrets")
    def save_model(self, request: HttpRequest, obj: ProviderConfig, form: Any, change: bool) -> None:
        secrets = form.cleaned_data
        save_provider(obj, former(form), actor=request.user)
        if secrets["new_key"]:
            save_key(obj, secrets["new_key"], actor=request.user)
        elif secrets["remove_key"]:
            remove_key(obj, actor=request.user)
        if secrets["new_headers"] or secrets["remove_headers"]:
            save_headers(obj, secrets["new_headers"], actor=request.user)

    @admin.action(description="Test connection")
    def check_connection(self, request: HttpRequest, queryset: QuerySet[ProviderConfig]) -> None:
        for provider in queryset:
            found = async_to_sync(health.check)(provider.pk)
            self.message_user(
                request, f"{provider}: {found.sentence}", messages.SUCCESS if found.ok else messages.ERROR
            )

    @admin.action(description="Discover models")
    def discover(self, request: HttpRequest, queryset: QuerySet[ProviderConfig]) -> None:
        self._discover(request, queryset, enabled=False)

    @admin.action(description="Discover models and switch them on")
    def discover_and_enable(self, request: HttpRequest, queryset: QuerySet[ProviderConfig]) -> None:
        self._discover(request, queryset, enabled=True)

    def _discover(self, request: HttpRequest, queryset: QuerySet[ProviderConfig], *, enabled: bool) -> None:
        for provider in queryset:
            try:
                added = async_to_sync(discovery.discover)(provider.pk, enabled=enabled, actor=request.user)
            except ProviderError as error:
                detail = f" ({error.detail})" if error.detail else ""
                self.message_user(request, f"{provider}: {error.sentence}{detail}", messages.ERROR)
            else:
                self.message_user(request, f"{provider}: {len(added)} new models.", messages.SUCCESS)
