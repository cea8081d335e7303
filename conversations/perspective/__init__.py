"""What one speaker's model is sent: the conversation seen from its chair. And back: what the room is shown of it."""

from collections.abc import Sequence

from .base import Chair, Heard, Perspective, Voice
from .echo import EchoStripper
from .full import build_full
from .sentences import SentenceLimit
from .short import build_short
from .speech import SpeechFilter, speech_filter
from .system import PASS

__all__ = [
    "PASS",
    "Chair",
    "EchoStripper",
    "Heard",
    "Perspective",
    "SentenceLimit",
    "SpeechFilter",
    "Voice",
    "build",
    "speech_filter",
]


def build(chair: Chair, roster: Sequence[Voice], heard: Sequence[Heard]) -> Perspective:
    """Make the perspective of `chair` on what was `heard`, oldest first. Raises ContextTooLong.

    `roster` holds the room's participants and whoever else is heard. It always ends with `user`, but in the short form
    where the speaker has openers: there the last message is `assistant` and begins the reply.
    """
    audible = [one for one in heard if one.text.strip()]
    if chair.follows_instructions:
        return build_full(chair, roster, audible)
    return build_short(chair, roster, audible)
