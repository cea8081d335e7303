"""Who takes part: people and AIs, and what an AI is made of."""

from typing import Any

from conversations.actions.change import Stamp, change
from conversations.choices import ParticipantKind, Power, Role
from conversations.errors import Invalid
from conversations.models import Conversation, Participant, Persona, name_key
from conversations.permissions import require, require_model
from providers.models import AIModel

HUES = dict(zip(range(1, 13), (20, 170, 320, 110, 260, 50, 200, 350, 140, 290, 80, 230), strict=True))
"""The hue of each colour in degrees, as tokens.css has them."""

CLEAR = 45
"""Degrees between two hues that nobody takes for one another."""


def add_person(conversation: Conversation, user: Any, *, role: Role, stamp: Stamp) -> Participant:
    name = free_name(conversation, user.display_name or user.email.partition("@")[0])
    return Participant.objects.create(
        conversation=conversation,
        kind=ParticipantKind.PERSON,
        user=user,
        name=name,
        name_key=name_key(name),
        colour=free_colour(conversation, user.colour),
        role=role,
        seat=_next_seat(conversation),
        visible_from=0,
        stamped=stamp.revision,
    )


def add_ai(conversation: Conversation, persona: Persona, model: AIModel, *, stamp: Stamp) -> Participant:
    """Seat a copy of a persona, so that later edits of the library do not rewrite the room."""
    name = free_name(conversation, persona.name)
    return Participant.objects.create(
        conversation=conversation,
        kind=ParticipantKind.AI,
        persona=persona,
        model=model,
        name=name,
        name_key=name_key(name),
        avatar=persona.avatar,
        colour=free_colour(conversation, persona.colour),
        description=persona.description,
        instructions=persona.instructions,
        settings=persona.settings,
        openers=persona.openers,
        examples=persona.examples,
        seat=_next_seat(conversation),
        stamped=stamp.revision,
    )


def free_name(conversation: Conversation, wanted: str) -> str:
    """The name, or the name with the first free number: names are unique among those present."""
    taken = set(conversation.participants.filter(left_at=None).values_list("name_key", flat=True))
    name, number = wanted[:70], 1
    while name_key(name) in taken:
        number += 1
        name = f"{wanted[:70]} {number}"
    return name


def free_colour(conversation: Conversation, wanted: int) -> int:
    """The wanted colour where it stands clear of those taken, else the free one farthest from them.

    From the thirteenth participant on colours return.
    """
    taken = set(conversation.participants.filter(left_at=None).values_list("colour", flat=True))
    free = set(HUES) - taken
    if not taken or not free:
        return wanted
    if wanted in free and _apart(wanted, taken) >= CLEAR:
        return wanted
    return max(sorted(free), key=lambda colour: _apart(colour, taken))


def _apart(colour: int, taken: set[int]) -> int:
    """Degrees to the nearest hue that is taken."""
    distances = (abs(HUES[colour] - HUES[other]) for other in taken)
    return min(min(distance, 360 - distance) for distance in distances)


def _next_seat(conversation: Conversation) -> int:
    return conversation.participants.count()


def set_model(*, participant: Participant, by: Participant, model: AIModel) -> None:
    """Let an AI speak with another model, from its next turn on."""
    require(by, Power.MANAGE_AIS, participant.conversation_id)
    if participant.kind != ParticipantKind.AI:
        raise Invalid("Only an AI participant speaks with a model.")
    require_model(by, model)
    with change(participant.conversation_id) as stamp:
        Participant.objects.filter(pk=participant.pk).update(model=model, stamped=stamp.revision)
