"""The checkpoint: one statement for all live replies of the process, and the wishes of its rounds."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from django.db import connection

from conversations.choices import RoundState
from conversations.models import Round
from providers.database import writing

SQLITE = """
    UPDATE conversations_version
    SET text = json_extract(live.value, '$[1]'), closed = json_extract(live.value, '$[2]')
    FROM json_each(%s) AS live
    WHERE conversations_version.id = json_extract(live.value, '$[0]') AND state = 'streaming'
    RETURNING conversations_version.id
"""
# Rows are locked in ascending order before they are written, as everywhere: an UPDATE alone takes them as they come.
POSTGRESQL = """
    WITH live AS (SELECT * FROM unnest(%s::bigint[], %s::text[], %s::integer[]) AS row (id, text, closed)),
    locked AS (
        SELECT id FROM conversations_version
        WHERE id IN (SELECT id FROM live) AND state = 'streaming' ORDER BY id FOR UPDATE
    )
    UPDATE conversations_version AS version
    SET text = live.text, closed = live.closed
    FROM live JOIN locked USING (id)
    WHERE version.id = live.id
    RETURNING version.id
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole text of one live reply so far, and the offset up to which its HTML is final."""

    version_id: int
    text: str
    closed: int


def store_snapshots(snapshots: Sequence[Snapshot]) -> set[int]:
    """Store them all. Returns the versions that still stream; any other has been ended by somebody else."""
    if not snapshots:
        return set()
    with writing(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            rows = [(snapshot.version_id, snapshot.text, snapshot.closed) for snapshot in snapshots]
            cursor.execute(SQLITE, [orjson.dumps(rows).decode()])
        else:
            ordered = sorted(snapshots, key=lambda snapshot: snapshot.version_id)
            columns = [[getattr(row, name) for row in ordered] for name in ("version_id", "text", "closed")]
            cursor.execute(POSTGRESQL, columns)
        return {row[0] for row in cursor.fetchall()}


def read_wishes(owners: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The wish of each running round by its owner; an owner that is missing has lost its round."""
    found = Round.objects.filter(owner__in=owners, state=RoundState.RUNNING).values_list("owner", "wish")
    return {owner: wish for owner, wish in found if owner is not None}
