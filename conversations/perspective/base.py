"""What a perspective is made of, and what it is."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from providers.request import JSON, ChatMessage


@dataclass(frozen=True, slots=True)
class Voice:
    """A participant as the others know it.

    `kind` is a ParticipantKind. Who has left the room stays a voice, not `present`, while its words are heard.
    """

    participant: int
    name: str
    kind: str
    description: str = ""
    present: bool = True


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of speech with text, as it is shown: whose, which version, and the words."""

    sequence: int
    version: int
    author: int
    text: str


@dataclass(frozen=True, slots=True)
class Chair:
    """The speaker, and what its model can take.

    `window` is the model's context and `max_output` the longest reply, both in tokens; `calibration` is how many
    tokens its usage reports show for each one estimated. `openers` and `examples` (a question, the answer) serve the
    short form; `opener_index` is how many replies the speaker has given in this room.
    """

    voice: Voice
    instructions: str
    rules: str
    follows_instructions: bool
    window: int
    max_output: int
    openers: tuple[str, ...] = ()
    examples: tuple[tuple[str, str], ...] = ()
    opener_index: int = 0
    calibration: float = 1.0


@dataclass(frozen=True, slots=True)
class Perspective:
    """What one speaker's model is sent.

    `versions` are those heard, oldest first, and `left_out` counts the older ones that did not fit. The reply shown
    begins with `opener`, which the model is given and does not repeat.
    """

    messages: tuple[ChatMessage, ...]
    template: Literal["full", "short"]
    system: str
    max_output: int
    versions: tuple[int, ...]
    left_out: int
    opener: str = ""
    may_pass: bool = False
    stop: tuple[str, ...] = ()
    extra: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Fingerprint of the exact messages."""
        exact = json.dumps([[message.role, message.content] for message in self.messages])
        return hashlib.sha256(exact.encode()).hexdigest()

    def recipe(self) -> dict[str, JSON]:
        """From what the messages can be made again, and the fingerprint that tells whether they came out the same."""
        return {
            "template": self.template,
            "system": self.system,
            "versions": list(self.versions),
            "left_out": self.left_out,
            "opener": self.opener,
            "sha256": self.sha256,
        }
