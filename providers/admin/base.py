"""What our admin classes have in common."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from providers.actions import delete_row
from providers.database import writing


class WritingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Queues for the database before Django begins its own transaction; deletes by our action."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with writing():
            return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST":
            return super().delete_view(request, *args, **kwargs)
        with writing():
            return super().delete_view(request, *args, **kwargs)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        delete_row(obj, actor=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with writing():
            for row in queryset:
                delete_row(row, actor=request.user)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """To be looked at only."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def former(form: Any) -> dict[str, Any]:
    """The row's own fields that a form changes, as they were."""
    columns = {field.name for field in form._meta.model._meta.concrete_fields}
    before = {name: form.initial.get(name) for name in form.changed_data if name in columns}
    # An empty JSON field counts as changed even where it stayed as it was.
    return {name: value for name, value in before.items() if value != form.cleaned_data.get(name)}
