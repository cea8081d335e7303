"""The one frame of a visible change: clock first, then the rows, then the bell."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction

from conversations import broadcast, dispatch
from conversations.errors import NotFound
from conversations.models import Conversation
from providers.database import writing

NO_ROOM = "This conversation does not exist."

ADVANCE = """
    UPDATE conversations_clock
    SET revision = revision + 1, last_sequence = last_sequence + %s, access_epoch = access_epoch + %s
    WHERE conversation_id = %s
    RETURNING revision, last_sequence, access_epoch
"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A room's counters in the transaction that holds its clock."""

    conversation_id: int
    revision: int
    sequence: int
    epoch: int


@contextmanager
def change(conversation_id: int, *, places: int = 0, access: bool = False) -> Iterator[Stamp]:
    """Open the transaction of one visible change of a room and ring it after commit.

    Locks the clock, so that changes of one room come one after another; every row that changes must be
    given `stamped=stamp.revision`. `places` new sequences are taken, the last one is `stamp.sequence`.
    `access` says that somebody may see more or less than before.

    Raises NotFound where the room is gone.
    """
    with writing():
        stamp = _advance(conversation_id, places, access)
        yield stamp
        transaction.on_commit(lambda: broadcast.changed(conversation_id, revision=stamp.revision, epoch=stamp.epoch))


def _advance(conversation_id: int, places: int, access: bool) -> Stamp:
    with connection.cursor() as cursor:
        cursor.execute(ADVANCE, [places, int(access), conversation_id])
        row = cursor.fetchone()
    if row is None:
        raise NotFound(NO_ROOM)
    return Stamp(conversation_id, *row)


def standing_room(stamp: Stamp) -> Conversation:
    """The room, read under its clock. Raises NotFound where it was taken away a moment ago."""
    room = Conversation.objects.filter(pk=stamp.conversation_id, deleted_at=None).first()
    if room is None:
        raise NotFound(NO_ROOM)
    return room


def wake_runner() -> None:
    """Tell the runner after this transaction's commit that a round waits."""
    transaction.on_commit(dispatch.round_waits)
