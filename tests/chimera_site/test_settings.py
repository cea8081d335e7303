"""Settings are read from the environment once a process, hence a process for each case."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

HOUSE = Path(__file__).resolve().parent.parent.parent
PRODUCTION = {
    "CHIMERA_URL": "https://chat.example.org",
    "TRUSTED_PROXIES": "127.0.0.1,10.0.0.0/8",
    "SECRET_KEY": "0123456789-" * 5,
    "CHIMERA_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
}


def run(arguments: list[str], data: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    environment = kept | {"DATA_DIR": str(data), "DJANGO_SETTINGS_MODULE": "chimera_site.settings"} | variables
    return subprocess.run(
        [sys.executable, *arguments], cwd=HOUSE, env=environment, capture_output=True, text=True, check=False
    )


def read(names: str, data: Path, **variables: str) -> dict[str, object]:
    values = f"{{name: getattr(settings, name) for name in {names.split()!r}}}"
    code = f"import json; from django.conf import settings; print(json.dumps({values}, default=str))"
    result = run(["-c", code], data, **variables)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("left_out", [(), ("TRUSTED_PROXIES",)])
def test_a_production_site_passes_djangos_own_checks(tmp_path: Path, left_out: tuple[str, ...]) -> None:
    production = {name: value for name, value in PRODUCTION.items() if name not in left_out}
    result = run(["manage.py", "check", "--deploy", "--fail-level", "WARNING"], tmp_path, **production)
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


def test_one_variable_says_where_the_site_lives(tmp_path: Path) -> None:
    names = "ALLOWED_HOSTS ORIGINS CSRF_TRUSTED_ORIGINS SESSION_COOKIE_SECURE IS_LOOPBACK DEBUG"
    assert read(names, tmp_path, **PRODUCTION) == {
        "ALLOWED_HOSTS": ["chat.example.org", "127.0.0.1", "localhost", "[::1]"],
        "ORIGINS": ["https://chat.example.org"],
        "CSRF_TRUSTED_ORIGINS": ["https://chat.example.org"],
        "SESSION_COOKIE_SECURE": True,
        "IS_LOOPBACK": False,
        "DEBUG": False,
    }


def test_without_any_it_is_this_machine_at_the_port(tmp_path: Path) -> None:
    found = read("CHIMERA_URL ORIGINS IS_LOOPBACK DEBUG", tmp_path, PORT="8123")
    assert found["CHIMERA_URL"] == "http://127.0.0.1:8123"
    assert "http://localhost:8123" in found["ORIGINS"]
    assert (found["IS_LOOPBACK"], found["DEBUG"]) == (True, False)


def test_listening_on_every_address_is_not_loopback(tmp_path: Path) -> None:
    assert read("IS_LOOPBACK", tmp_path, BIND="0.0.0.0") == {"IS_LOOPBACK": False}


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file")
    assert read("SECRET_KEY", tmp_path, SECRET_KEY_FILE=str(tmp_path / "key")) == {"SECRET_KEY": "from-a-file"}


def test_spans_can_be_set(tmp_path: Path) -> None:
    assert read("BEAT_SECONDS TURN_LIMIT", tmp_path, CHIMERA_BEAT_SECONDS="0.2", CHIMERA_TURN_LIMIT="3") == {
        "BEAT_SECONDS": 0.2,
        "TURN_LIMIT": 3,
    }


@pytest.mark.parametrize("url", ["chat.example.org", "ftp://chat.example.org", "https://chat.example.org/here"])
def test_an_address_that_is_none_is_told(tmp_path: Path, url: str) -> None:
    result = run(["manage.py", "check"], tmp_path, CHIMERA_URL=url)
    assert result.returncode != 0
    assert "CHIMERA_URL must be" in result.stderr


def test_a_wildcard_host_does_not_pass(tmp_path: Path) -> None:
    result = run(["manage.py", "check"], tmp_path, **PRODUCTION | {"CHIMERA_URL": "https://*"})
    assert "chimera_site.E001" in result.stderr
    assert result.returncode != 0


def test_the_version_is_told(tmp_path: Path) -> None:
    from chimera_site import __version__

    assert run(["manage.py", "version"], tmp_path).stdout.strip() == __version__
