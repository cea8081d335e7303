"""The door to the ORM and the queue of writers."""

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError, connection, connections, transaction

from providers import database
from providers.database import Door, FairLock, in_database, on_commit, writing

on_both = pytest.mark.django_db(transaction=True)
postgresql_only = pytest.mark.skipif(connection.vendor != "postgresql", reason="only a server can lose a connection")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    database.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)


def start(fn: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=fn)
    thread.start()
    return thread


# ---- The lock


def test_lock_is_given_in_the_order_of_asking() -> None:
    lock, order = FairLock(), []

    def enter(number: int) -> None:
        with lock:
            order.append(number)

    threads = []
    with lock:
        for number in range(20):
            threads.append(start(lambda number=number: enter(number)))
            until(lambda number=number: lock.waiting == number + 1)
    for thread in threads:
        thread.join()
    assert order == list(range(20))


def test_lock_excludes() -> None:
    lock, inside, worst = FairLock(), 0, 0

    def work() -> None:
        nonlocal inside, worst
        for _ in range(200):
            with lock:
                inside += 1
                worst = max(worst, inside)
                inside -= 1

    threads = [start(work) for _ in range(8)]
    for thread in threads:
        thread.join()
    assert worst == 1
    assert lock.waiting == 0


def test_lock_may_be_taken_again_by_its_holder() -> None:
    lock, entered = FairLock(), threading.Event()

    def other() -> None:
        with lock:
            entered.set()

    with lock:
        with lock:
            thread = start(other)
            until(lambda: lock.waiting == 1)
        assert not entered.is_set()
    thread.join()
    assert entered.is_set()


def test_lock_is_let_go_on_an_exception() -> None:
    lock = FairLock()
    with pytest.raises(ZeroDivisionError), lock:
        raise ZeroDivisionError
    start(lambda: lock.__enter__()).join(5)
    assert lock.waiting == 0


# ---- Writing


def fail_writing(name: str) -> None:
    with writing():
        Group.objects.create(name=name)
        raise ZeroDivisionError


@on_both
def test_writing_commits_and_rolls_back() -> None:
    with writing():
        Group.objects.create(name="kept")
    with pytest.raises(ZeroDivisionError):
        fail_writing("dropped")
    assert [group.name for group in Group.objects.all()] == ["kept"]


@on_both
def test_writing_nests_and_an_inner_failure_spares_the_outer() -> None:
    with writing():
        Group.objects.create(name="outer")
        with pytest.raises(ZeroDivisionError):
            fail_writing("inner")
    assert [group.name for group in Group.objects.all()] == ["outer"]


@on_both
def test_a_callback_after_commit_may_write() -> None:
    def later() -> None:
        with writing():
            Group.objects.create(name="later")

    with writing():
        on_commit(later)
    assert Group.objects.get().name == "later"


@on_both
def test_writing_inside_a_foreign_transaction_waits_for_nobody() -> None:
    """Django's admin opens a transaction before our action is called, while another thread queues for it."""
    writer = None

    def write() -> None:
        try:
            with writing():
                Group.objects.create(name="second")
        finally:
            connection.close()

    with transaction.atomic():
        Group.objects.create(name="first")
        writer = start(write)
        if connection.vendor == "sqlite":
            until(lambda: database._write_lock._owner == writer.ident)
        with writing():
            Group.objects.create(name="nested")
    writer.join()
    assert Group.objects.count() == 3


@on_both
@pytest.mark.asyncio
async def test_writers_of_many_threads_lose_nothing() -> None:
    door = Door(8)

    def write(number: int) -> None:
        with writing():
            Group.objects.create(name=f"group {number}")

    try:
        await asyncio.gather(*(door(write, number) for number in range(60)))
        assert await in_database(Group.objects.count) == 60
    finally:
        door.close()


# ---- The door


@pytest.mark.asyncio
async def test_door_returns_raises_and_passes_arguments() -> None:
    def divide(above: int, *, by: int) -> float:
        return above / by

    assert await in_database(divide, 6, by=3) == 2
    with pytest.raises(ZeroDivisionError):
        await in_database(divide, 6, by=0)


@pytest.mark.asyncio
async def test_door_carries_context_variables_in() -> None:
    variable = contextvars.ContextVar("variable", default="")
    variable.set("request 7")
    assert await in_database(variable.get) == "request 7"


@pytest.mark.asyncio
async def test_door_runs_on_threads_of_its_own_and_no_more_than_asked() -> None:
    door = Door(2)
    barrier = threading.Barrier(2)

    def who() -> int:
        barrier.wait(10)
        return threading.get_ident()

    try:
        threads = set(await asyncio.gather(*(door(who) for _ in range(6))))
    finally:
        door.close()
    assert len(threads) == 2
    assert threading.get_ident() not in threads


@on_both
@pytest.mark.asyncio
async def test_door_keeps_its_connection_between_calls() -> None:
    def which() -> int:
        with connection.cursor():
            return id(connection.connection)

    door = Door(1)
    try:
        assert await door(which) == await door(which)
    finally:
        door.close()


@on_both
@pytest.mark.asyncio
async def test_closing_the_door_closes_connections_and_it_opens_again() -> None:
    door = Door(2)
    wrapper = await door(lambda: connections["default"])
    assert await door(Group.objects.count) == 0
    assert wrapper.connection is not None or not await door(lambda: True)
    door.close()
    assert wrapper.connection is None
    assert await door(Group.objects.count) == 0
    door.close()


@postgresql_only
@on_both
@pytest.mark.asyncio
async def test_door_survives_a_lost_connection() -> None:
    def backend() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return cursor.fetchone()[0]

    def kill(pid: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])

    door, other = Door(1), Door(1)
    try:
        first = await door(backend)
        await other(kill, first)
        assert await door(backend) != first
        with pytest.raises(OperationalError):
            await door(lambda: kill(backend()))
        assert await door(Group.objects.count) == 0
    finally:
        door.close()
        other.close()


@pytest.mark.asyncio
async def test_a_cancelled_caller_does_not_undo_what_began() -> None:
    begun, go, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(10)
        done.set()

    task = asyncio.create_task(in_database(work))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    assert await asyncio.to_thread(done.wait, 10)
