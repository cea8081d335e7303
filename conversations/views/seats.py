"""How every view finds its room, and how every command answers."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from conversations.models import Conversation, Participant


class SeeOther(HttpResponseRedirect):
    """303: what was posted is done, look there."""

    status_code = 303


def seat(request: HttpRequest, key: UUID) -> Participant:
    """The visitor's own seat in a room, its conversation with it. A stranger's 404 is that of a room that is not."""
    room = get_object_or_404(Conversation.objects.readable_by(request.user).select_related("clock"), key=key)
    me = get_object_or_404(Participant.objects.present().select_related("user"), conversation=room, user=request.user)
    me.conversation = room
    return me


def is_htmx(request: HttpRequest) -> bool:
    return bool(request.htmx)  # type: ignore[attr-defined]  # set by django-htmx's middleware


def done(request: HttpRequest, address: str) -> HttpResponse:
    """What a command answers: nothing, for what it changed arrives by the room's own way; or where to look."""
    return HttpResponse(status=204) if is_htmx(request) else SeeOther(address)


def command(act: Callable[..., HttpResponse | None]) -> Callable[..., HttpResponse]:
    """A view that is only posted to, by somebody with a seat in the room. An action's error says its own status."""

    @login_required
    @require_POST
    @wraps(act)
    def view(request: HttpRequest, key: UUID, **place: Any) -> HttpResponse:
        me = seat(request, key)
        return act(request, me, **place) or done(request, me.conversation.get_absolute_url())

    return view
