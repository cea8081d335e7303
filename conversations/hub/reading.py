"""The one way to read what a viewer lacks, for hub and poll alike, and who of a room's viewers still may."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, Max, OuterRef

from conversations import rendering
from conversations.choices import Power, RoundState, VersionState
from conversations.models import Clock, Conversation, Message, Participant, Round
from conversations.permissions import powers_of

MOST_ROWS = 50
"""A viewer who lacks more messages than this is told to load the page again."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One message as HTML. While it streams: `length` of the stored text, and up to where that is `closed`."""

    sequence: int
    version: int
    html: str
    streams: bool
    closed: int
    length: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What a viewer lacks, up to `revision`. `around` is the HTML of what changed about the log.

    `gone`: the room was taken away. `speaking` names every version that streams, with its message's sequence.
    """

    revision: int
    epoch: int
    last_sequence: int
    gone: bool
    too_many: bool
    messages: tuple[Fragment, ...]
    around: str
    speaking: Mapping[int, int]

    def frame(self, chosen: Iterable[Fragment]) -> Mapping[str, Any]:
        """The frame that brings a viewer the chosen ones of these messages."""
        if self.too_many:
            return {"reload": True}
        return {"revision": self.revision, "html": "".join([*(one.html for one in chosen), self.around])}


@dataclass(frozen=True, slots=True)
class Member:
    """What a person may see and do in a room now."""

    participant_id: int
    visible_from: int
    may_type: bool


def changes_since(conversation_id: int, revision: int, *, followed: Collection[int] = ()) -> Changes:
    """What a viewer at `revision` lacks: messages stamped later and those that stream, and what is about them.

    Versions in `followed` are left out while they stream: all their viewers hold more than is stored.
    The counters are read before the rows, so that what comes in between is read again and never missed.
    """
    room = _room(conversation_id)
    clock = room.clock
    found = Message.objects.filter(conversation=room).changed_since(min(revision, clock.revision))
    rows = list(found.with_shown()[: MOST_ROWS + 1])
    too_many = len(rows) > MOST_ROWS or revision > clock.revision
    for message in rows:
        message.conversation = room
    speaking = {row.shown.pk: row.sequence for row in rows if row.state == VersionState.STREAMING}
    lacking = [] if too_many else [row for row in rows if row.shown.pk not in speaking.keys() & set(followed)]
    return Changes(
        revision=clock.revision,
        epoch=clock.access_epoch,
        last_sequence=clock.last_sequence,
        gone=room.deleted_at is not None,
        too_many=too_many,
        messages=tuple(_fragment(message) for message in lacking),
        around="" if too_many or revision == clock.revision else _around(room, revision),
        speaking=speaking,
    )


def _room(conversation_id: int) -> Conversation:
    rooms = Conversation.objects.select_related("clock").annotate(participants_stamped=Max("participants__stamped"))
    return rooms.get(pk=conversation_id)


def _fragment(message: Message) -> Fragment:
    version = message.shown
    return Fragment(
        sequence=message.sequence,
        version=version.pk,
        html=rendering.message_html(message),
        streams=version.state == VersionState.STREAMING,
        closed=version.closed,
        length=len(version.text),
    )


def _around(room: Any, revision: int) -> str:
    """Head and panel if they changed; the log's end always, for nearly every change moves it."""
    parts = [rendering.round_html(room, Round.objects.status(room.pk))]
    if room.stamped > revision:
        parts.append(rendering.head_html(room))
    if (room.participants_stamped or 0) > revision:
        parts.append(rendering.participants_html(room, room.participants.present().seated()))
    return "".join(parts)


def members(conversation_id: int, user_ids: Collection[int]) -> dict[int, Member]:
    """Who of these people is in the room now. One query."""
    seats = Participant.objects.present().filter(conversation_id=conversation_id, user_id__in=user_ids)
    return {seat.user_id: member(seat) for seat in seats if seat.user_id is not None}


def member(seat: Participant) -> Member:
    return Member(seat.pk, seat.visible_from, Power.POST in powers_of(seat))


@dataclass(frozen=True, slots=True)
class Pulse:
    """The counters of a room, and whether a round waits in it."""

    revision: int
    epoch: int
    round_waits: bool


def pulses(conversation_ids: Collection[int]) -> dict[int, Pulse]:
    """One query for any number of rooms."""
    waiting = Round.objects.filter(conversation=OuterRef("pk"), state=RoundState.QUEUED)
    rows = (
        Clock.objects.filter(pk__in=conversation_ids)
        .annotate(round_waits=Exists(waiting))
        .values_list("pk", "revision", "access_epoch", "round_waits")
    )
    return {pk: Pulse(revision, epoch, waits) for pk, revision, epoch, waits in rows}
