from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from chimera_site import __version__


def test_live_asks_nothing_of_the_database(client: Client) -> None:
    assert client.get("/health/live").json() == {"status": "live", "version": __version__}


def test_ready_when_the_database_has_this_versions_tables(client: Client, db) -> None:
    assert client.get("/health/ready").json() == {"status": "ready", "version": __version__}


def test_not_ready_while_migrations_wait(client: Client, db) -> None:
    MigrationRecorder.Migration.objects.filter(app="conversations").delete()
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "not migrated")


def test_not_ready_without_a_database(client: Client) -> None:
    with patch("chimera_site.views.MigrationExecutor", side_effect=OperationalError("gone")):
        answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "no database")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/setup/", "/accounts/login/"])
def test_no_answer_is_kept_by_a_cache(client: Client, db, path: str) -> None:
    assert "no-store" in client.get(path)["Cache-Control"]
