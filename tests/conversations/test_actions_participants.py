"""Names stay unique, colours far apart."""

import re
from pathlib import Path

from conversations.actions.change import Stamp
from conversations.actions.participants import HUES, add_ai, free_colour, free_name
from conversations.models import Conversation, Participant, Persona
from providers.models import AIModel

TOKENS = Path(__file__).resolve().parents[2] / "chimera_site/static/chimera/tokens.css"


def test_hues_are_those_of_the_stylesheet() -> None:
    found = re.findall(r"\.hue-(\d+) \{ --hue: (\d+); \}", TOKENS.read_text())
    assert {int(colour): int(hue) for colour, hue in found} == HUES


def test_a_colour_too_close_to_another_is_changed(room: Conversation) -> None:
    Participant.objects.filter(conversation=room).update(colour=9)
    assert free_colour(room, 4) not in {4, 9}
    assert free_colour(room, 1) == 1


def test_a_thirteenth_participant_still_gets_a_colour(room: Conversation, rehearsal: AIModel) -> None:
    persona = Persona.objects.order_by("pk")[0]
    for _ in range(12):
        add_ai(room, persona, rehearsal, stamp=Stamp(room.pk, 0, 0, 0))
    assert free_colour(room, 5) == 5


def test_a_name_that_is_taken_gets_a_number(room: Conversation) -> None:
    assert free_name(room, "ALICE") == "ALICE 2"
    assert free_name(room, "Zoe") == "Zoe"
