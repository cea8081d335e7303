"""The door from async code to the ORM, and the one way to write.

Async code calls `await in_database(fn, ...)`; `fn` is an ordinary function, ideally one transaction. Every write of
the product, in request threads too, stands in `with writing():`.
"""

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

__all__ = ["Door", "FairLock", "close", "in_database", "on_commit", "through_outage", "writing"]

on_commit = transaction.on_commit

PAUSES = (0.5, 1.0, 2.0)
"""Seconds between tries at what must be stored."""


class FairLock:
    """A lock given in the order of asking; the thread that holds it may take it again."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._owner: int | None = None
        self._depth = 0
        self._queue: deque[tuple[int, threading.Lock]] = deque()

    def __enter__(self) -> None:
        thread = threading.get_ident()
        with self._guard:
            if self._owner in (None, thread):
                self._owner = thread
                self._depth += 1
                return
            gate = threading.Lock()
            gate.acquire()
            self._queue.append((thread, gate))
        self._wait(thread, gate)

    def _wait(self, thread: int, gate: threading.Lock) -> None:
        try:
            gate.acquire()
        except BaseException:  # Ctrl-C: whoever comes next must not wait for one who left
            with self._guard:
                if self._owner == thread:
                    self._pass_on()
                else:
                    self._queue.remove((thread, gate))
            raise

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._depth -= 1
            if not self._depth:
                self._pass_on()

    def _pass_on(self) -> None:
        # Handed over, not set free: a newcomer cannot overtake those who wait.
        if not self._queue:
            self._owner, self._depth = None, 0
            return
        self._owner, gate = self._queue.popleft()
        self._depth = 1
        gate.release()

    @property
    def waiting(self) -> int:
        """How many threads wait."""
        return len(self._queue)


_write_lock = FairLock()


@contextmanager
def writing() -> Iterator[None]:
    """One transaction; blocks nest. Callbacks of `on_commit` run at the end of the outermost one.

    SQLite has one writer at a time and lets the others sleep and try again, so an unlucky one waits long. On it the
    writers of this process therefore queue.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    # Inside a transaction SQLite's own lock is held already (they begin IMMEDIATE), perhaps by a block of Django's.
    # Queueing then would mean to wait for someone who waits for us.
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        with transaction.atomic():
            yield
    else:
        with _write_lock, transaction.atomic():
            yield


class Door:
    """A few threads of its own, each with its own healthy connection, in which async code has the ORM called."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._executor: ThreadPoolExecutor | None = None
        self._connections: list[BaseDatabaseWrapper] = []

    async def __call__[**P, R](self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What `fn` returns or raises. A caller that is cancelled leaves a begun `fn` to run to its end."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._threads, "database", initializer=self._adopt)
        call = partial(contextvars.copy_context().run, _with_connection, partial(fn, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def close(self) -> None:
        """Wait for the calls that are under way, end the threads and close their connections.

        A later call opens the door again.
        """
        executor, self._executor = self._executor, None
        if executor is None:
            return
        executor.shutdown(wait=True)
        # Django lets no connection be closed in a thread that runs an event loop.
        closer = threading.Thread(target=self._close_connections)
        closer.start()
        closer.join()

    def _adopt(self) -> None:
        connection = connections[DEFAULT_DB_ALIAS]
        connection.inc_thread_sharing()  # closed by `close`, from another thread
        self._connections.append(connection)

    def _close_connections(self) -> None:
        while self._connections:
            self._connections.pop().close()


def _with_connection[R](fn: Callable[[], R]) -> R:
    """Call `fn` on a connection that works.

    No request ever ends in these threads, so nobody else would replace a connection that was lost. One that is well
    is kept, for opening costs more than most calls; one of a pool goes back, or idle threads would drain the pool.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    connection.close_at = None
    connection.close_if_unusable_or_obsolete()
    try:
        return fn()
    finally:
        if connection.settings_dict["OPTIONS"].get("pool"):
            connection.close()


in_database = Door(threads=4)


async def through_outage[**P, R](fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """`in_database` for what must not be lost to a short outage. `fn` may have been done before it seemed to fail."""
    for pause in PAUSES:
        try:
            return await in_database(fn, *args, **kwargs)
        except (OperationalError, InterfaceError):
            await asyncio.sleep(pause)
    return await in_database(fn, *args, **kwargs)


def close() -> None:
    """Close the common door: when a process drains, and after tests."""
    in_database.close()
