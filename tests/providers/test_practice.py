"""The practice model's child: its life, its death, and who shares it. (G8)"""

import asyncio
import hashlib
import importlib.metadata
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from providers import http, practice
from providers.errors import ServiceUnavailable
from providers.practice import PracticeModel, PracticeModelMissing, child, weights
from providers.practice import model as practice_model
from providers.practice.locks import FileLock

QUICK = {"beat": 0.1, "start_within": 60.0, "answer_within": 1.0}
MARGIN = 20.0  # seconds; a wide one, for a busy machine

USER = """
import asyncio, pathlib, sys
from providers.practice import PracticeModel
async def use():
    model = PracticeModel(pathlib.Path(sys.argv[1]), beat=0.1)
    print((await model.ready()).pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(use())
"""


@pytest_asyncio.fixture
async def model(tmp_path: Path) -> AsyncIterator[PracticeModel]:
    model = PracticeModel(tmp_path, **QUICK)
    yield model
    await model.close()
    await http.close_clients()


@contextmanager
def another_process(data_folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that uses the model of `data_folder`, and the pid of the child that it was given."""
    user = subprocess.Popen(
        [sys.executable, "-c", USER, str(data_folder)],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert user.stdout is not None
        yield user, int(user.stdout.readline())
    finally:
        user.kill()
        user.communicate()


async def gone(model: PracticeModel) -> bool:
    child_lock = FileLock(model.folder / "child")
    try:
        await child_lock.wait(shared=True, seconds=MARGIN)
    except TimeoutError:
        return False
    child_lock.release()
    return True


# ---- Locks


def test_a_lock_excludes_and_a_shared_one_shares(tmp_path: Path) -> None:
    first, second, third = (FileLock(tmp_path / "lock") for _ in range(3))
    assert first.take(shared=True)
    assert second.take(shared=True)
    assert not third.take()
    first.release()
    second.release()
    assert third.take()
    assert third.held
    assert not first.take(shared=True)
    third.release()


def test_a_lock_whose_file_was_deleted_is_lost(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    assert lock.take()
    assert not lock.lost()
    (tmp_path / "lock").unlink()
    assert lock.lost()
    lock.release()


# ---- What is not there


@pytest.mark.asyncio
async def test_without_the_server_package_it_says_so(model: PracticeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(practice_model, "find_spec", lambda name: None)
    assert not PracticeModel.available()
    with pytest.raises(PracticeModelMissing) as caught:
        await model.ready()
    assert "xllamacpp" in caught.value.sentence
    assert not caught.value.retryable


@pytest.mark.asyncio
async def test_without_weights_it_says_how_to_install_them(
    model: PracticeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(PracticeModelMissing) as caught:
        await model.ready()
    assert "requirements/practice.txt" in caught.value.sentence


def test_other_platforms_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert "Linux and macOS" in PracticeModel.reason()


def test_weights_that_are_not_the_pinned_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.gguf").write_bytes(b"something else")
    monkeypatch.setattr(weights, "installed", lambda: tmp_path / "other.gguf")
    with pytest.raises(SystemExit, match="install them again"):
        child._weights()
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(b"something else").hexdigest())
    assert child._weights() == tmp_path / "other.gguf"


def test_a_site_without_a_data_folder_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(practice, "_shared", None)
    with pytest.raises(ServiceUnavailable):
        practice.shared()
    practice.configure(tmp_path)
    assert practice.shared().folder == tmp_path / "practice"


@pytest.mark.asyncio
async def test_a_child_that_ends_at_once_leaves_its_last_words(
    model: PracticeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PracticeModel, "reason", staticmethod(lambda: ""))
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(ServiceUnavailable) as caught:
        await model.ready()
    assert "ended while it started" in caught.value.detail
    assert "providers" in caught.value.detail


@pytest.mark.asyncio
async def test_a_folder_that_cannot_be_made_is_a_plain_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PracticeModel, "reason", staticmethod(lambda: ""))
    (tmp_path / "practice").write_text("a file where the folder should be")
    with pytest.raises(ServiceUnavailable):
        await PracticeModel(tmp_path, **QUICK).ready()


# ---- Places


@pytest.mark.asyncio
async def test_four_at_once_and_the_others_in_the_order_they_came(model: PracticeModel) -> None:
    order: list[int] = []
    may_end = asyncio.Event()

    async def reply(number: int) -> None:
        async with model.place():
            order.append(number)
            await may_end.wait()

    replies = [asyncio.create_task(reply(number)) for number in range(7)]
    await asyncio.sleep(0)
    assert order == [0, 1, 2, 3]
    assert model.waiting == 3
    replies[4].cancel()
    await asyncio.sleep(0)
    assert model.waiting == 2
    may_end.set()
    await asyncio.gather(*replies, return_exceptions=True)
    assert order == [0, 1, 2, 3, 5, 6]
    assert model.waiting == 0


# ---- The real child


@pytest.mark.model
@pytest.mark.asyncio
async def test_it_starts_once_and_keeps_its_key_to_itself(model: PracticeModel) -> None:
    first, second = await asyncio.gather(model.ready(), model.ready())
    assert first == second
    assert first.base_url.startswith("http://127.0.0.1:")
    assert first.api_key not in repr(first)
    assert stat.S_IMODE((model.folder / "child").stat().st_mode) == 0o600
    assert stat.S_IMODE((model.folder / "log").stat().st_mode) == 0o600
    with pytest.raises(Exception) as caught:
        await http.get_json(f"{first.base_url}/models", headers={"Authorization": "Bearer wrong"}, allow_local=True)
    assert type(caught.value).__name__ == "AuthenticationFailed"


@pytest.mark.model
@pytest.mark.asyncio
async def test_closing_ends_it(model: PracticeModel) -> None:
    await asyncio.gather(model.ready(), model.ready())
    await model.close()
    assert not model._alive()
    await model.close()  # twice does no harm


@pytest.mark.model
@pytest.mark.asyncio
async def test_killed_it_is_started_again(model: PracticeModel) -> None:
    first = await model.ready()
    os.kill(first.pid, signal.SIGKILL)
    assert await gone(model)
    second = await model.ready()
    assert second.pid != first.pid
    assert second.api_key != first.api_key


@pytest.mark.model
@pytest.mark.asyncio
async def test_hanging_it_is_replaced(model: PracticeModel) -> None:
    first = await model.ready()
    os.kill(first.pid, signal.SIGSTOP)
    second = await model.ready()
    assert second.pid != first.pid


@pytest.mark.model
@pytest.mark.asyncio
async def test_doubted_it_must_show_that_the_model_works(model: PracticeModel) -> None:
    first = await model.ready()
    model.doubt()
    assert await model.ready() == first


@pytest.mark.model
@pytest.mark.asyncio
async def test_a_stale_address_is_not_believed(model: PracticeModel) -> None:
    """The machine was switched off; since then another program listens on the port."""
    other = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    model.folder.mkdir(parents=True)
    note = {"base_url": f"http://127.0.0.1:{port}/v1", "api_key": "old", "pid": os.getpid()}
    (model.folder / "child").write_text(json.dumps(note))
    address = await model.ready()
    assert address.api_key != "old"
    other.close()
    await other.wait_closed()


@pytest.mark.model
@pytest.mark.asyncio
async def test_processes_share_it_and_the_last_one_ends_it(model: PracticeModel, tmp_path: Path) -> None:
    address = await model.ready()
    with another_process(tmp_path) as (_, pid):
        assert pid == address.pid
        await model.close()
        assert model._alive()
    assert await gone(model)


@pytest.mark.model
@pytest.mark.asyncio
async def test_it_dies_with_a_site_that_was_killed(tmp_path: Path) -> None:
    with another_process(tmp_path) as (user, _):
        user.kill()
    assert await gone(PracticeModel(tmp_path))


@pytest.mark.model
@pytest.mark.asyncio
async def test_its_folder_deleted_it_makes_room_for_another(model: PracticeModel) -> None:
    first = await model.ready()
    for path in model.folder.iterdir():
        path.unlink()
    second = await model.ready()
    assert second.pid != first.pid
