"""Limits, and what was spent."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from providers.actions import save_allowance
from providers.admin.base import ReadOnlyAdmin, WritingAdmin, former
from providers.models import Allowance, Balance, Call


@admin.register(Allowance)
class AllowanceAdmin(WritingAdmin):
    """The site's stop-line: an empty limit is none, 0 lets free models answer only."""

    list_display = ("__str__", "money_limit", "token_limit")
    fields = ("period", "money_limit", "token_limit")
    readonly_fields = ("period",)
    list_select_related = ("user", "group")

    def save_model(self, request: HttpRequest, obj: Allowance, form: Any, change: bool) -> None:
        save_allowance(obj, former(form), actor=request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    list_display = ("starts", "period", "spent", "reserved", "tokens_spent", "tokens_reserved")
    list_filter = ("period",)
    ordering = ("-starts", "period")


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    list_display = (
        "started_at",
        "purpose",
        "provider_name",
        "model_name",
        "user",
        "state",
        "input_tokens",
        "output_tokens",
        "cost",
        "total_ms",
        "error",
    )
    list_filter = ("state", "purpose", "started_at")
    list_select_related = ("user",)
    search_fields = ("provider_name", "model_name", "conversation_key", "turn_key", "error")
    ordering = ("-started_at",)
    show_full_result_count = False
