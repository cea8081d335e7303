"""File locks that say which process is alive."""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

PAUSE = 0.05  # seconds between two looks


class FileLock:
    """An advisory lock that belongs to the open file, so that it ends with its holder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    @property
    def held(self) -> bool:
        return self._file is not None

    def take(self, *, shared: bool = False) -> bool:
        """Take the lock unless somebody else has it. Never waits."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            if isinstance(error, BlockingIOError):
                return False
            raise
        self.release()  # two tasks may have asked at once
        self._file = file
        return True

    async def wait(self, *, seconds: float, shared: bool = False) -> None:
        """Take the lock, waiting for it as long as `seconds`. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not self.take(shared=shared):  # noqa: ASYNC110 - nobody tells us when a file lock is let go
                await asyncio.sleep(PAUSE)

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def write(self, text: str) -> None:
        """Put a note inside the lock, for whoever finds it taken."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, text.encode(), 0)

    def lost(self) -> bool:
        """Whether the lock is not held, or held on a file that was deleted, where nobody else sees it."""
        with suppress(FileNotFoundError):
            return self._file is None or not os.path.samestat(os.fstat(self._file), self.path.stat())
        return True
