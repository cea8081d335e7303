"""The start program: its steps one by one, and once as a whole, in a process of its own."""

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from chimera_site import __version__, start

HOUSE = Path(__file__).resolve().parent.parent.parent
PATIENCE = 60  # seconds; on a machine that does much else at once


def test_a_taken_port_is_told_with_another_to_try() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(start.CannotStart, match=f"port {port} is taken.*PORT={port + 1} make run"):
            start.need_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(start.CannotStart, match="Is BIND an address of this machine"):
        start.need_port("192.0.2.1", 8000)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(start.CannotStart, match=r"cannot write there.*DATA_DIR="):
        start.need_folder(in_the_way / "data")


def test_a_new_folder_is_for_the_owner_alone(tmp_path: Path) -> None:
    start.need_folder(tmp_path / "new" / "data")
    assert stat.S_IMODE((tmp_path / "new" / "data").stat().st_mode) == 0o700


def test_older_code_refuses_a_newer_database(db) -> None:
    MigrationRecorder(connection).record_applied("conversations", "9999_from_the_future")
    with pytest.raises(start.CannotStart, match=r"newer Chimera.*9999_from_the_future.*git pull"):
        start.bring_database_up_to_date()


@pytest.mark.django_db(transaction=True)
def test_the_database_is_copied_before_it_changes(settings, tmp_path: Path, alice, capsys) -> None:
    settings.DATA_DIR = tmp_path
    start.back_up(connection)
    if connection.vendor != "sqlite":
        assert "pg_dump" in capsys.readouterr().out
        return
    (copy,) = (tmp_path / "backups").iterdir()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT email FROM chimera_site_user").fetchall() == [("alice@example.org",)]


def test_static_files_are_collected_when_they_changed_and_not_again(settings, tmp_path: Path, monkeypatch) -> None:
    settings.DATA_DIR, settings.STATIC_ROOT = tmp_path, tmp_path / "static"
    runs = []
    monkeypatch.setattr(start, "call_command", lambda *a, **k: (runs.append(a), settings.STATIC_ROOT.mkdir()))
    start.collect_static_files()
    start.collect_static_files()
    assert len(runs) == 1


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return int(probe.getsockname()[1])


class Site:
    """A running start program, with what it has said so far."""

    def __init__(self, data: Path, port: int, **variables: str) -> None:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
        self.url = f"http://127.0.0.1:{port}"
        self.log = data.parent / f"log-{time.monotonic_ns()}"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "chimera_site.start"],
                cwd=HOUSE,
                env=kept | {"DATA_DIR": str(data), "PORT": str(port)} | variables,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < until, self.said
            assert self.process.poll() is None, self.said
            time.sleep(0.05)

    def get(self, path: str) -> dict[str, str]:
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return json.load(answer)


@contextmanager
def site(data: Path, port: int, **variables: str) -> Iterator[Site]:
    running = Site(data, port, **variables)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


def test_from_nothing_to_a_site_that_answers_and_ends_in_order(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    with site(data, port) as first:
        first.wait_for(lambda: "Chimera" in first.said and first.url in first.said)
        assert first.get("/health/ready") == {"status": "ready", "version": __version__}
        # its own first request, which starts the runner
        first.wait_for(lambda: "route=live" in first.said)
        with site(data, port) as second:
            assert second.process.wait(PATIENCE) == 1
            assert second.said.count("\n") == 1
            assert "is taken" in second.said
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(PATIENCE) == 0, first.said
    assert "Traceback" not in first.said
    assert stat.S_IMODE((data / "secrets.json").stat().st_mode) == 0o600


def test_a_site_on_the_net_prints_a_link_and_lives_on_without_its_old_secrets(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    net = {"CHIMERA_URL": "https://chat.example.org"}
    with site(data, port, **net) as first:
        first.wait_for(lambda: "https://chat.example.org/setup/?key=" in first.said)
        first.process.send_signal(signal.SIGINT)
        assert first.process.wait(PATIENCE) == 0, first.said
    (data / "secrets.json").unlink()
    with site(data, port) as again:
        again.wait_for(lambda: again.url in again.said)
        assert "New secrets" in again.said
        assert again.get("/health/live")["status"] == "live"
