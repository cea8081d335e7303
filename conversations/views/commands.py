"""What people ask of a room they are in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from conversations.actions import conversations, messages, participants, rounds
from conversations.errors import Invalid
from conversations.forms import MessageForm, ModelForm, PolicyForm, TitleForm
from conversations.models import Message, Participant
from conversations.views.pages import room_page
from conversations.views.seats import command, is_htmx


def first_error(form: ModelForm | PolicyForm | TitleForm) -> Invalid:
    return Invalid(" ".join(str(sentence) for sentences in form.errors.values() for sentence in sentences))


@command
def post(request: HttpRequest, me: Participant) -> HttpResponse | None:
    """Say something; with nothing written, let the AIs go on."""
    form = MessageForm(request.POST)
    if not form.is_valid():
        if is_htmx(request):
            context = {"form": form, "conversation": me.conversation}
            return render(request, "conversations/_composer.html", context, status=422)
        return room_page(request, me, form, status=422)
    if form.cleaned_data["text"]:
        messages.post_message(author=me, **form.cleaned_data)
    else:
        rounds.start_round(by=me)
    return None


@command
def stop(request: HttpRequest, me: Participant) -> None:
    rounds.stop_rounds(by=me)


@command
def go_on(request: HttpRequest, me: Participant) -> None:
    rounds.start_round(by=me)


def spoken(me: Participant, sequence: int) -> Message:
    found = Message.objects.filter(conversation=me.conversation_id).visible_to(me).select_related("author")
    return get_object_or_404(found, sequence=sequence)


@command
def again(request: HttpRequest, me: Participant, sequence: int) -> None:
    """Retry and Resume."""
    form = ModelForm(request.POST, user=request.user, required=False)
    if not form.is_valid():
        raise first_error(form)
    rounds.answer_again(message=spoken(me, sequence), by=me, model=form.cleaned_data["model"])


@command
def delete_message(request: HttpRequest, me: Participant, sequence: int) -> None:
    messages.delete_message(message=spoken(me, sequence), by=me)


@command
def restore_message(request: HttpRequest, me: Participant, sequence: int) -> None:
    messages.restore_message(message=spoken(me, sequence), by=me)


@command
def rename(request: HttpRequest, me: Participant) -> None:
    form = TitleForm(request.POST)
    if not form.is_valid():
        raise first_error(form)
    conversations.rename(conversation=me.conversation, by=me, title=form.cleaned_data["title"])


@command
def policy(request: HttpRequest, me: Participant) -> None:
    form = PolicyForm(request.POST)
    if not form.is_valid():
        raise first_error(form)
    conversations.set_policy(
        conversation=me.conversation,
        by=me,
        policy=form.cleaned_data["policy"],
        policy_settings=form.policy_settings,
    )


@command
def participant_model(request: HttpRequest, me: Participant, participant: int) -> None:
    """Let an AI speak with another model."""
    seated = Participant.objects.present().filter(conversation=me.conversation_id)
    form = ModelForm(request.POST, user=request.user)
    speaker = get_object_or_404(seated, pk=participant)
    if not form.is_valid():
        raise first_error(form)
    participants.set_model(participant=speaker, by=me, model=form.cleaned_data["model"])
