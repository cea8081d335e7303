"""The start program: its steps one by one, and once as a whole, in a process of its own."""

import json
import socket
import sqlite3
import stat
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from chimera_site import __version__, start
from tests.serving import ROOT, Site, site


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


def test_from_nothing_to_a_site_that_answers_ends_in_order_and_outlives_its_secrets(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with site(data) as first:
        assert first.url in first.log
        assert "/setup/?key=" not in first.log
        with urllib.request.urlopen(f"{first.url}/health/ready", timeout=30) as answer:
            assert json.load(answer) == {"status": "ready", "version": __version__}
        assert stat.S_IMODE((data / "secrets.json").stat().st_mode) == 0o600
        # on a taken port: one line, and nothing else happens
        second = start_again(first)
        assert (second.returncode, second.stderr.count("\n")) == (1, 1)
        assert f"port {first.port} is taken" in second.stderr
    assert first.process is not None
    assert first.process.returncode == 0, first.log
    (data / "secrets.json").unlink()
    with site(data, CHIMERA_URL="http://chat.example.org") as again:
        assert "http://chat.example.org/setup/?key=" in again.log
    assert again.log.count("New secrets") == 2
    assert "Traceback" not in again.log


def start_again(running: Site) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chimera_site.start"],
        cwd=ROOT,
        env=running.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_key_ring_that_was_emptied_leaves_the_site_up(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    held = data / "secrets.json"
    held.touch(mode=0o600)
    held.write_text(json.dumps({"secret_key": "long" * 20, "encryption_keys": []}))
    with site(data) as running:
        assert "There is no encryption key" in running.log
    assert json.loads(held.read_text())["encryption_keys"] == []
