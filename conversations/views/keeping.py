"""A room taken away, and brought back."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from conversations.actions import conversations
from conversations.models import Conversation, Participant
from conversations.views.seats import command, done, is_htmx


@command
def delete(request: HttpRequest, me: Participant) -> HttpResponse:
    """From the list the row itself offers the undo; from the room, the list does."""
    conversations.delete_conversation(conversation=me.conversation, by=me)
    address = f"{reverse('conversations:list')}?deleted={me.conversation.key}"
    if is_htmx(request) and request.POST.get("from") != "list":
        return HttpResponseClientRedirect(address)
    return done(request, address)


@login_required
@require_POST
def restore(request: HttpRequest, key: UUID) -> HttpResponse:
    room = get_object_or_404(Conversation.objects.deleted_by_owner(request.user), key=key)
    me = get_object_or_404(Participant.objects.present(), conversation=room, user=request.user)
    conversations.restore_conversation(conversation=room, by=me)
    return done(request, reverse("conversations:list"))
