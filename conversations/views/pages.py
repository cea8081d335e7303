"""The pages: list of rooms, a new one, a room."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from conversations import rendering
from conversations.actions.conversations import create_conversation
from conversations.choices import Role
from conversations.forms import MessageForm, NewConversationForm, PolicyForm, TitleForm
from conversations.models import Conversation, Message, Participant, Round
from conversations.permissions import powers_of
from conversations.querysets import PAGE
from conversations.views.seats import SeeOther, seat
from providers.models import AIModel
from providers.practice import PracticeModel

ROOMS_BESIDE = 40
ROOMS_A_PAGE = 100
LARGEST = 2**63 - 1


@login_required
@never_cache
@require_safe
def rooms(request: HttpRequest) -> HttpResponse:
    """One's rooms by last activity; `?deleted=key` offers to bring that one back."""
    mine = Conversation.objects.readable_by(request.user).newest_first()
    present = Prefetch("participants", Participant.objects.present().seated(), to_attr="present")
    page = Paginator(mine.prefetch_related(present), ROOMS_A_PAGE).get_page(request.GET.get("page"))
    owned = Participant.objects.present().filter(user=request.user.pk, role=Role.OWNER, conversation__in=list(page))
    context = {
        "rooms": page.object_list,
        "owned": set(owned.values_list("conversation", flat=True)),
        "next_page": page.next_page_number() if page.has_next() else None,
        "deleted": deleted_room(request),
    }
    return render(request, "conversations/list.html", context)


def deleted_room(request: HttpRequest) -> Conversation | None:
    try:
        key = UUID(request.GET.get("deleted", ""))
    except ValueError:
        return None
    return Conversation.objects.deleted_by_owner(request.user).filter(key=key).first()


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    form = NewConversationForm(request.POST or None, user=request.user)
    if form.is_valid():
        room = create_conversation(
            owner=request.user,
            cast=form.cast,
            title=form.cleaned_data["title"],
            policy=form.cleaned_data["policy"],
            policy_settings=form.policy_settings,
        )
        return SeeOther(room.get_absolute_url())
    practice = any(model.provider.kind == "builtin" for model in form.models.values())
    why_not = "" if practice else PracticeModel.reason()
    context = {"form": form, "models": form.models, "practice": practice, "practice_missing": why_not}
    return render(request, "conversations/new.html", context, status=422 if form.is_bound else 200)


@login_required
@never_cache
@require_safe
def room(request: HttpRequest, key: UUID) -> HttpResponse:
    return room_page(request, seat(request, key), MessageForm())


def room_page(request: HttpRequest, me: Participant, form: MessageForm, status: int = 200) -> HttpResponse:
    conversation = me.conversation
    here = list(conversation.participants.present().seated())
    context = {
        "conversation": conversation,
        "me": me,
        "powers": " ".join(sorted(powers_of(me))),
        # The clock was read with the seat, before the rows: what changes in between comes again with the first hello.
        "revision": conversation.clock.revision,
        "head": rendering.head_html(conversation),
        "round": rendering.round_html(conversation, Round.objects.status(conversation.pk)),
        "participants": rendering.participants_html(conversation, here),
        "participant_count": len(here),
        "models": AIModel.objects.usable_by(request.user),
        "rooms": Conversation.objects.readable_by(request.user).newest_first()[:ROOMS_BESIDE],
        "form": form,
        "title_form": TitleForm(initial={"title": conversation.title}),
        "policy_form": PolicyForm.of(conversation),
        **log_window(me, sequence_before(request)),
    }
    return render(request, "conversations/room.html", context, status=status)


def sequence_before(request: HttpRequest) -> int | None:
    """The `before` of an older page. Anything but a place in a log is no page."""
    before = request.GET.get("before")
    if before is None:
        return None
    if not before.isascii() or not before.isdigit() or not 0 < int(before[:20]) <= LARGEST:
        raise Http404
    return int(before)


def log_window(me: Participant, before: int | None) -> dict[str, Any]:
    """A page of the log as fragments, oldest first, and which part of the log they are."""
    found = Message.objects.filter(conversation=me.conversation_id).visible_to(me).with_shown()
    rows = list(found.page_before(before, PAGE + 1))
    page = rows[:PAGE][::-1]
    for message in page:
        message.conversation = me.conversation
    window = {
        "first": page[0].sequence if page else 0,
        "last": "end" if before is None else before - 1,
        "earlier": len(rows) > PAGE,
    }
    return {"log": [rendering.message_html(message) for message in page], "window": window}
