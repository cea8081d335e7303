"""What goes in: one request to a model, the same for every service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

type JSON = bool | int | float | str | list[JSON] | dict[str, JSON] | None

type Speaker = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    role: Speaker
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is asked of a model.

    `max_output` is tokens, thinking included. `extra` holds further sampling fields, sent as they are (min_p, …);
    null leaves a field out. `refused` names wire fields this model is known not to take: they are left out as well.
    Without `stream` the service answers in one piece, which arrives through the same events.
    """

    model: str
    messages: tuple[ChatMessage, ...]
    max_output: int | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    extra: Mapping[str, JSON] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    stream: bool = True
