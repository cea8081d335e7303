"""One piece of a streaming text on its way to sockets: whole, or only its open end."""

from conversations.broadcast import ReplyEvent
from conversations.hub import frames
from conversations.hub.sockets import Held, Socket


class Reply:
    """A `reply` event, encoded at most once for those who take all of it and once for those who need its tail."""

    def __init__(self, event: ReplyEvent) -> None:
        self._event = event
        self._whole: str | None = None
        self._tail: str | None = None

    def hand(self, socket: Socket) -> bool:
        """Give a socket what continues its text. False: it is elsewhere in the text and must be given it anew."""
        event = self._event
        held = socket.have.get(event.version)
        if held is None:
            return False
        if held.closed > event.next:
            return True  # it joined from a later checkpoint; the next piece will fit
        if held.closed not in (event.base, event.next):
            del socket.have[event.version]
            return False
        socket.have[event.version] = Held(event.next, None)
        socket.outbox.put(self._tail_frame() if held.closed == event.next else self._whole_frame())
        return True

    def _whole_frame(self) -> str:
        if self._whole is None:
            self._whole = self._encoded(self._event.base, self._event.closed)
        return self._whole

    def _tail_frame(self) -> str:
        if self._tail is None:
            self._tail = self._encoded(self._event.next, "")
        return self._tail

    def _encoded(self, base: int, closed: str) -> str:
        event = self._event
        body = {"version": event.version, "base": base, "next": event.next, "closed": closed, "tail": event.tail}
        return frames.encode({"reply": body})
