"""What waits to be sent to one socket."""

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

MOST_WAITING = 1_000_000
"""Characters. A reader that is this far behind is better off with a new start."""

TRY_AGAIN = 1013
CLOSE_SECONDS = 10.0


class Outbox:
    """A bounded queue with a writer of its own, so that no reader makes the room wait.

    One that overflows closes its socket with 1013; the page comes back and says what it holds.
    """

    def __init__(
        self, send: Callable[[str], Awaitable[None]], close: Callable[[int], Awaitable[None]], most: int = MOST_WAITING
    ) -> None:
        self.is_open = True
        self._send = send
        self._close = close
        self._most = most
        self._waiting: deque[str] = deque()
        self._size = 0
        self._fresh = asyncio.Event()
        self._writer = _spawn(self._write())
        self._closer: asyncio.Task[None] | None = None

    def put(self, frame: str) -> None:
        """Have a frame sent in its turn. Returns at once; after the close it does nothing."""
        if not self.is_open:
            return
        self._waiting.append(frame)
        self._size += len(frame)
        if self._size > self._most:
            self.close(TRY_AGAIN)
        self._fresh.set()

    def close(self, code: int) -> None:
        """Close the socket now; what still waits is not sent."""
        if self.is_open:
            self.stop()
            self._closer = _spawn(self._say_goodbye(code))

    def stop(self) -> None:
        """Let go of a socket that is gone."""
        self.is_open = False
        self._waiting.clear()
        self._size = 0
        self._writer.cancel()

    async def _write(self) -> None:
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            while self._waiting:
                frame = self._waiting[0]
                await self._attempt(self._send(frame))
                # Counted until it is gone: what a blocked send holds is part of what waits.
                if self._waiting:
                    self._waiting.popleft()
                    self._size -= len(frame)

    async def _say_goodbye(self, code: int) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._attempt(self._close(code))
        except TimeoutError:
            logger.info("a socket did not close in time; code=%d", code)

    async def _attempt(self, sending: Awaitable[None]) -> None:
        try:
            await sending
        except TimeoutError:
            raise
        except Exception as error:
            # Each server has its own error for a socket that is gone; its disconnect event follows.
            logger.debug("a socket took no frame; why=%s", type(error).__name__)
            self.stop()


def _spawn(work: Awaitable[None]) -> asyncio.Task[None]:
    """A task apart from the caller's context, which ends with its request."""
    return asyncio.get_running_loop().create_task(work, context=contextvars.Context())  # type: ignore[arg-type]
