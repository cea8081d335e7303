"""Events of rooms, to this process's hubs by plain call, to other processes by the one group_send.

Events are a hint: what a hub misses it reads at its next tick. So nothing here waits, and nothing here fails.
"""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from channels.layers import InMemoryChannelLayer, get_channel_layer

logger = logging.getLogger(__name__)

EVENTS = ("changed", "reply", "typing", "presence", "bye")
"""Every event there is."""

LAYER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ReplyEvent:
    """One more piece of a text that streams. `base` and `next` are offsets in it: before and after `closed`."""

    conversation_id: int
    sequence: int
    version: int
    base: int
    next: int
    closed: str
    tail: str


class Listener(Protocol):
    """A process's hub of one room. Each method returns at once and is called on the thread of `loop`."""

    loop: asyncio.AbstractEventLoop

    def changed(self, revision: int, epoch: int) -> None: ...
    def reply(self, event: ReplyEvent) -> None: ...
    def typing(self, participant_id: int) -> None: ...
    def presence(self) -> None: ...
    def bye(self) -> None: ...


_listeners: dict[int, Listener] = {}


def listen(conversation_id: int, listener: Listener) -> None:
    _listeners[conversation_id] = listener


def unlisten(conversation_id: int) -> None:
    _listeners.pop(conversation_id, None)


def has_listeners(conversation_id: int) -> bool:
    """Whether anybody may watch; where another process could, nobody here can know."""
    return conversation_id in _listeners or _layer() is not None


def changed(conversation_id: int, *, revision: int, epoch: int) -> None:
    """A committed change of a room, from any thread."""
    listener = _listeners.get(conversation_id)
    if listener is not None:
        with suppress(RuntimeError):  # its loop has just ended, and its pages with it
            listener.loop.call_soon_threadsafe(listener.changed, revision, epoch)
    _to_others(conversation_id, "changed", {"revision": revision, "epoch": epoch})


def reply(event: ReplyEvent) -> None:
    """More of a reply, on the loop's thread."""
    listener = _listeners.get(event.conversation_id)
    if listener is not None:
        listener.reply(event)
    if _layer() is not None:
        _to_others(event.conversation_id, "reply", asdict(event))


def typing(conversation_id: int, participant_id: int) -> None:
    """A person types; the sign fades by itself."""
    listener = _listeners.get(conversation_id)
    if listener is not None:
        listener.typing(participant_id)
    _to_others(conversation_id, "typing", {"participant": participant_id})


def presence(conversation_id: int) -> None:
    """Who is here has changed."""
    listener = _listeners.get(conversation_id)
    if listener is not None:
        listener.presence()
    _to_others(conversation_id, "presence", {})


def bye() -> None:
    """This process is about to end: its viewers look for another one."""
    for listener in tuple(_listeners.values()):
        listener.bye()


# ---- To other processes

lost = 0
"""Events that the layer did not take."""

_sending: set[asyncio.Task[None]] = set()


def _layer() -> Any | None:
    """The layer to other processes, or None where there are none: the in-memory kind reaches only ourselves."""
    layer = get_channel_layer()
    return None if isinstance(layer, InMemoryChannelLayer) else layer


def _to_others(conversation_id: int, kind: str, fields: dict[str, Any]) -> None:
    layer, loop = _layer(), _some_loop()
    if layer is None:
        return
    if loop is None:
        _count_lost("no loop")
        return
    message = {"type": f"room.{kind}", "conversation": conversation_id, **fields}
    loop.call_soon_threadsafe(_begin, _send(layer, f"room.{conversation_id}", message))


def _some_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return next((listener.loop for listener in tuple(_listeners.values())), None)


def _begin(sending: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(sending)
    _sending.add(task)
    task.add_done_callback(_sending.discard)


async def _send(layer: Any, group: str, message: dict[str, Any]) -> None:
    try:
        async with asyncio.timeout(LAYER_SECONDS):
            await layer.group_send(group, message)
    except Exception as error:
        # whatever a layer may throw: an event is worth a second and never a reply
        _count_lost(type(error).__name__)


def _count_lost(why: str) -> None:
    global lost
    lost += 1
    if lost & (lost - 1) == 0:  # the 1st, 2nd, 4th, 8th…: a dead layer must not fill the log
        logger.warning("the channel layer took no event; lost=%d why=%s", lost, why)
