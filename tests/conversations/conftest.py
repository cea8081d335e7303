"""A room: alice owns it, bob speaks in it, charlie is not there. Its AIs speak with the rehearsal provider."""

import pytest

from chimera_site.models import User
from conversations.actions.change import Stamp
from conversations.actions.conversations import Casting, create_conversation
from conversations.actions.participants import add_person
from conversations.choices import Role
from conversations.models import Conversation, Participant, Persona, name_key
from providers.models import AIModel, ProviderConfig


@pytest.fixture
def rehearsal(db: None) -> AIModel:
    provider = ProviderConfig.objects.create(kind="rehearsal", label="Rehearsal")
    return AIModel.objects.create(
        provider=provider, model_id="pace=0 tokens=12", label="Rehearsal", context=32_000, max_output=2_000
    )


@pytest.fixture
def personas(db: None) -> list[Persona]:
    """Two of the site's own. A test with real transactions may have wiped those of the migration."""
    names = ("Sceptic", "Comedian")
    return [
        Persona.objects.get_or_create(owner=None, name_key=name_key(name), defaults={"name": name})[0] for name in names
    ]


@pytest.fixture
def room(alice: User, bob: User, rehearsal: AIModel, personas: list[Persona]) -> Conversation:
    made = create_conversation(owner=alice, cast=[Casting(persona, rehearsal) for persona in personas], title="Lunch")
    add_person(made, bob, role=Role.SPEAKER, stamp=Stamp(made.pk, 0, 0, 0))
    return made


@pytest.fixture
def owner(room: Conversation, alice: User) -> Participant:
    return Participant.objects.get(conversation=room, user=alice)


@pytest.fixture
def speaker(room: Conversation, bob: User) -> Participant:
    return Participant.objects.get(conversation=room, user=bob)


@pytest.fixture
def first_ai(room: Conversation) -> Participant:
    return room.participants.ais().order_by("seat")[0]
