"""The text of one reply while it streams, and how it reaches its viewers."""

import asyncio
from collections.abc import Callable

from conversations import broadcast
from conversations.actions.checkpoint import Snapshot
from conversations.actions.replies import BegunReply
from conversations.markdown import LiveMarkdown, Piece


class LiveReply:
    """Text that grows. Appending is cheap; blocks of Markdown are advanced only when something is sent.

    A block that is finished counts as closed from the checkpoint on that stored its end; until then it is sent
    again with the tail. So what a viewer holds as closed is always stored.
    """

    def __init__(self, conversation_id: int, begun: BegunReply, text: str) -> None:
        self.conversation_id = conversation_id
        self.begun = begun
        self.text = text
        self.fresh = asyncio.Event()
        self.fresh.set()
        self._markdown = LiveMarkdown()
        self._finished: list[Piece] = []
        self._finished_end = 0
        self._stored_end = 0
        self._sent_end = 0

    def append(self, text: str) -> None:
        self.text += text
        self.fresh.set()

    def snapshot(self) -> Snapshot:
        return Snapshot(self.begun.version_id, self.text, self._finished_end)

    def stored(self, snapshot: Snapshot) -> None:
        """The checkpoint has this snapshot."""
        self._stored_end = max(self._stored_end, snapshot.closed)

    def send(self) -> None:
        """Hand the newest state to the room's viewers of this process. Nobody there: nothing is rendered."""
        if not broadcast.has_listeners(self.conversation_id):
            return
        self._advance()
        closed = [piece for piece in self._finished if piece.end <= self._stored_end]
        waiting = self._finished[len(closed) :]
        base, self._sent_end = self._sent_end, closed[-1].end if closed else self._sent_end
        broadcast.reply(
            broadcast.ReplyEvent(
                conversation_id=self.conversation_id,
                sequence=self.begun.sequence,
                version=self.begun.version_id,
                base=base,
                next=self._sent_end,
                closed="".join(piece.html for piece in closed),
                tail="".join(piece.html for piece in waiting) + self._markdown.tail(),
            )
        )
        self._finished = waiting

    def _advance(self) -> None:
        pieces = self._markdown.feed(self.text)
        if pieces:
            self._finished += pieces
            self._finished_end = pieces[-1].end


async def keep_sending(reply: LiveReply, tick: Callable[[], float], on_time: asyncio.Event) -> None:
    """Send a reply's fresh text at most once a tick (seconds), the first at once; run until cancelled.

    While checkpoints are late nothing is sent: what a viewer sees must be stored but for the last instant.
    """
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        await reply.fresh.wait()
        await asyncio.sleep(max(0.0, due - loop.time()))
        await on_time.wait()
        reply.fresh.clear()
        reply.send()
        due = loop.time() + tick()
