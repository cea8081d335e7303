"""The models of configured providers."""

from contextlib import aclosing
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from providers.actions import enable_models, save_model
from providers.admin.base import WritingAdmin, former
from providers.calls import CallOrder, metered
from providers.errors import ProviderError
from providers.events import TextDelta
from providers.models import AIModel, Purpose
from providers.request import ChatMessage, ChatRequest

HELLO = ChatRequest("", (ChatMessage("user", "Say hello in one short sentence."),), max_output=60)
SHOWN = 200


@admin.register(AIModel)
class AIModelAdmin(WritingAdmin):
    list_display = (
        "__str__",
        "provider",
        "model_id",
        "enabled",
        "context",
        "input_price",
        "output_price",
        "retired_at",
    )
    list_filter = ("enabled", "provider", "follows_instructions")
    list_select_related = ("provider",)
    search_fields = ("model_id", "label", "provider__label")
    filter_horizontal = ("groups",)
    actions = ("enable", "disable", "say_hello")
    fieldsets = (
        (None, {"fields": ("provider", "model_id", "label", "enabled", "position")}),
        (
            "Prices",
            {
                "fields": ("input_price", "cached_price", "output_price"),
                "description": "USD per million tokens. Empty is unknown: where the site has a spending limit, a "
                "model of unknown price is not called unless it runs on a machine of your own.",
            },
        ),
        ("Limits", {"fields": ("context", "max_output", "follows_instructions", "retired_at")}),
        ("Who may use it", {"fields": ("groups",), "description": "Nobody chosen: everybody."}),
        ("Parameters", {"fields": ("abilities", "allowed_params", "refused_params"), "classes": ("collapse",)}),
    )

    def save_model(self, request: HttpRequest, obj: AIModel, form: Any, change: bool) -> None:
        save_model(obj, former(form), actor=request.user)

    @admin.action(description="Switch on")
    def enable(self, request: HttpRequest, queryset: QuerySet[AIModel]) -> None:
        self.message_user(request, f"{enable_models(queryset, enabled=True, actor=request.user)} switched on.")

    @admin.action(description="Switch off")
    def disable(self, request: HttpRequest, queryset: QuerySet[AIModel]) -> None:
        self.message_user(request, f"{enable_models(queryset, enabled=False, actor=request.user)} switched off.")

    @admin.action(description="Ask for a short hello (a real call)")
    def say_hello(self, request: HttpRequest, queryset: QuerySet[AIModel]) -> None:
        for model in queryset:
            try:
                words = async_to_sync(hello)(model.pk, request.user.pk)
            except ProviderError as error:
                detail = f" ({error.detail})" if error.detail else ""
                self.message_user(request, f"{model}: {error.sentence}{detail}", messages.ERROR)
            else:
                self.message_user(request, f"{model} says: {words[:SHOWN]}", messages.SUCCESS)


async def hello(model_id: int, user_id: int | None) -> str:
    """The model's answer to a greeting: one metered call. Raises ProviderError."""
    order = CallOrder(model_id, HELLO, user_id, conversation_key="", turn_key="", purpose=Purpose.TEST)
    async with aclosing(metered(order)) as events:
        return "".join([event.text async for event in events if isinstance(event, TextDelta)])
