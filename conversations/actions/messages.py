"""What people write, and take back."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from conversations import markdown
from conversations.actions.change import Stamp, change, standing_room
from conversations.actions.queue import end_queued, grow_wish, join_queue
from conversations.choices import EndReason, MessageKind, ParticipantKind, Power, RoundState, VersionState, Wish
from conversations.errors import Conflict, Invalid, NotAllowed
from conversations.models import Clock, Conversation, Message, Participant, Round, Version
from conversations.permissions import powers_of, require
from providers.events import clean_text


def post_message(*, author: Participant, text: str, client_id: uuid.UUID | None = None) -> Message:
    """Store what a person says and let the AIs answer it.

    Idempotent by (author, client_id): a double click or a retry after a lost answer finds the first message.
    Never fails because a round runs: that one is wished to its end, and the next one answers.

    Raises NotAllowed without the power to post, Invalid for text that is empty or over settings.MESSAGE_LIMIT
    characters.
    """
    require(author, Power.POST)
    text = sayable(text)
    html = markdown.render(text)
    earlier = _sent_before(author, client_id)
    if earlier is not None:
        return earlier
    with change(author.conversation_id, places=1) as stamp:
        earlier = _sent_before(author, client_id)
        if earlier is not None:
            # lost a race against its own double: the place that was taken goes back
            _give_back_place(stamp)
            return earlier
        return _store(author, text, html, client_id, stamp)


def sayable(text: str) -> str:
    """The text as it can be stored: NUL and lone surrogates replaced, line ends unified, ends trimmed."""
    text = clean_text(text).strip()
    if not text:
        raise Invalid("There is nothing in this message yet. Write something and send it again.")
    if len(text) > settings.MESSAGE_LIMIT:
        raise Invalid(
            f"This message has {len(text):,} characters; {settings.MESSAGE_LIMIT:,} is the most that fits. "
            "Shorten it or send it in parts."
        )
    return text


def _sent_before(author: Participant, client_id: uuid.UUID | None) -> Message | None:
    return Message.objects.filter(author=author, client_id=client_id).first() if client_id else None


def _give_back_place(stamp: Stamp) -> None:
    Clock.objects.filter(pk=stamp.conversation_id).update(last_sequence=F("last_sequence") - 1)


def _store(author: Participant, text: str, html: str, client_id: uuid.UUID | None, stamp: Stamp) -> Message:
    _still_there(author)
    room = standing_room(stamp)
    running = Round.objects.filter(conversation=room, state=RoundState.RUNNING).foreground()
    grow_wish(running, Wish.END, author, stamp)
    message = Message.objects.create(
        conversation=room, sequence=stamp.sequence, author=author, client_id=client_id, stamped=stamp.revision
    )
    Version.objects.create(
        message=message,
        state=VersionState.COMPLETE,
        text=text,
        closed=len(text),
        html=html,
        renderer=markdown.RENDERER,
        ended_at=timezone.now(),
    )
    Conversation.objects.filter(pk=room.pk).update(last_activity_at=timezone.now())
    if Power.START in powers_of(author) and room.participants.ais().present().exists():
        join_queue(room, stamp=stamp, asker=author, trigger=message)
    return message


def _still_there(author: Participant) -> None:
    """Rights are read again under the clock: a removal may have come between the request and this moment."""
    if not Participant.objects.present().filter(pk=author.pk).exists():
        raise NotAllowed("You are no longer in this room.")


def delete_message(*, message: Message, by: Participant) -> None:
    """Hide a message from everyone at once; its text is wiped when the time for undo is over.

    A reply that is still being spoken ends; a round that it had set off is wished to its end. One that waits goes on
    to the next message that asked for it.
    """
    power = Power.DELETE_OWN if message.author_id == by.pk else Power.DELETE_ANY
    require(by, power, message.conversation_id)
    with change(message.conversation_id) as stamp:
        triggered = Round.objects.filter(trigger=message).live()
        if (following := _asked_next(message)) is not None:
            waiting = triggered.foreground().filter(state=RoundState.QUEUED)
            waiting.update(trigger=following, stamped=stamp.revision)
        end_queued(triggered, EndReason.DELETED, stamp)
        grow_wish(triggered, Wish.END, by, stamp)
        Message.objects.filter(pk=message.pk, deleted_at=None).update(
            deleted_at=timezone.now(), deleted_by=by, stamped=stamp.revision
        )
        Version.objects.filter(message=message, state=VersionState.STREAMING).update(
            state=VersionState.STOPPED, ended_at=timezone.now()
        )


def _asked_next(message: Message) -> Message | None:
    """The next message of a person that AIs answer."""
    later = Message.objects.filter(conversation=message.conversation_id, sequence__gt=message.sequence)
    asking = later.filter(
        kind=MessageKind.SPEECH, deleted_at=None, author__kind=ParticipantKind.PERSON, author__may_start=True
    )
    return asking.order_by("sequence").first()


def restore_message(*, message: Message, by: Participant) -> None:
    """Undo a deletion while its text is still there. Whoever deleted it may, and who may delete any."""
    power = Power.DELETE_OWN if message.deleted_by_id == by.pk else Power.DELETE_ANY
    require(by, power, message.conversation_id)
    halves = Version.objects.filter(message=message, html="").exclude(text="").exclude(state=VersionState.STREAMING)
    # cut off in mid-reply by the deletion, so nobody has rendered them yet
    rendered = {pk: markdown.render(text) for pk, text in halves.values_list("pk", "text")}
    with change(message.conversation_id) as stamp:
        found = Message.objects.filter(pk=message.pk, deleted_at__isnull=False, wiped_at=None)
        if not found.update(deleted_at=None, deleted_by=None, stamped=stamp.revision):
            raise Conflict("This message can no longer be brought back: its text has been wiped.")
        for pk, html in rendered.items():
            Version.objects.filter(pk=pk).update(html=html, renderer=markdown.RENDERER)


def wipe_deleted() -> int:
    """Wipe the text of messages whose time for undo is over; the row stays as a tombstone. Returns how many."""
    over = timezone.now() - timedelta(seconds=settings.UNDO_SECONDS)
    due = Message.objects.filter(deleted_at__lt=over, wiped_at=None).order_by("pk")
    wiped = 0
    for message in due[:100]:
        with change(message.conversation_id) as stamp:
            row = Message.objects.filter(pk=message.pk, deleted_at__lt=over, wiped_at=None)
            if not row.update(wiped_at=timezone.now(), stamped=stamp.revision):
                continue
            message.versions.update(text="", html="", reasoning="", search_text="", closed=0)
            wiped += 1
    return wiped
