"""Rooms: made, named, ruled, taken away and brought back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from conversations.actions.change import Stamp, change
from conversations.actions.participants import add_ai, add_person
from conversations.actions.rounds import end_rounds_of
from conversations.choices import EndReason, PolicyName, Power, Role
from conversations.errors import Invalid
from conversations.models import Clock, Conversation, Participant, Persona
from conversations.permissions import require
from conversations.policies import POLICIES
from providers.database import writing
from providers.models import AIModel

MOST_AIS = 24
MOST_TURNS = 100


@dataclass(frozen=True, slots=True)
class Casting:
    """A persona for a new room, and the model it shall speak with."""

    persona: Persona
    model: AIModel


def create_conversation(
    *,
    owner: Any,
    cast: Sequence[Casting],
    title: str = "",
    policy: str = PolicyName.EVERYONE,
    policy_settings: Mapping[str, Any] | None = None,
) -> Conversation:
    """Make a room with its owner and its AIs. Raises Invalid for a cast without a model or beyond MOST_AIS."""
    if len(cast) > MOST_AIS:
        raise Invalid(f"A room holds at most {MOST_AIS} AI participants. Choose fewer.")
    with writing():
        room = Conversation.objects.create(
            title=title.strip(), policy=policy, policy_settings=checked_settings(policy, policy_settings or {})
        )
        Clock.objects.create(conversation=room)
        stamp = Stamp(room.pk, 0, 0, 0)
        add_person(room, owner, role=Role.OWNER, stamp=stamp)
        for casting in cast:
            add_ai(room, casting.persona, casting.model, stamp=stamp)
    return room


def checked_settings(policy: str, chosen: Mapping[str, Any]) -> dict[str, int]:
    if policy not in POLICIES:
        raise Invalid("This rule for taking turns does not exist. Choose one from the list.")
    turns = chosen.get("turns")
    if turns in (None, ""):
        return {}
    if not str(turns).isdigit() or not 1 <= int(str(turns)) <= MOST_TURNS:
        raise Invalid(f"The turn limit is a number from 1 to {MOST_TURNS}.")
    return {"turns": int(str(turns))}


def rename(*, conversation: Conversation, by: Participant, title: str) -> None:
    require(by, Power.RENAME, conversation.pk)
    title = " ".join(title.split())
    if len(title) > 200:
        raise Invalid("A title has at most 200 characters. Shorten it.")
    with change(conversation.pk) as stamp:
        Conversation.objects.filter(pk=conversation.pk).update(title=title, stamped=stamp.revision)


def set_policy(*, conversation: Conversation, by: Participant, policy: str, policy_settings: Mapping[str, Any]) -> None:
    """Change who speaks next, from the next round on."""
    require(by, Power.SET_POLICY, conversation.pk)
    checked = checked_settings(policy, policy_settings)
    with change(conversation.pk) as stamp:
        Conversation.objects.filter(pk=conversation.pk).update(
            policy=policy, policy_settings=checked, stamped=stamp.revision
        )


def delete_conversation(*, conversation: Conversation, by: Participant) -> None:
    """Take a room away. It keeps its rows, so that it can be brought back."""
    require(by, Power.DELETE_ROOM, conversation.pk)
    with change(conversation.pk, access=True) as stamp:
        end_rounds_of(conversation, EndReason.DELETED, stamp)
        Conversation.objects.filter(pk=conversation.pk, deleted_at=None).update(
            deleted_at=timezone.now(), stamped=stamp.revision
        )


def restore_conversation(*, conversation: Conversation, by: Participant) -> None:
    require(by, Power.DELETE_ROOM, conversation.pk)
    with change(conversation.pk, access=True) as stamp:
        Conversation.objects.filter(pk=conversation.pk).update(deleted_at=None, stamped=stamp.revision)
