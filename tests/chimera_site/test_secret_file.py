import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from chimera_site import secret_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets.json"


def test_new_secrets_are_for_the_owner_alone(path: Path) -> None:
    assert secret_file.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    held = secret_file.load(path)
    assert held is not None
    assert len(held.secret_key) >= 50
    Fernet(held.encryption_keys[0])
    assert [entry.name for entry in path.parent.iterdir()] == ["secrets.json"]


def test_what_is_there_is_never_written_over(path: Path) -> None:
    path.write_text("precious")
    assert not secret_file.create(path)
    assert path.read_text() == "precious"


def test_of_several_first_starts_one_makes_them(path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        made = list(pool.map(lambda _: secret_file.create(path), range(4)))
    assert made.count(True) == 1


def test_no_file_is_no_secrets(path: Path) -> None:
    assert secret_file.load(path) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_can_read_is_refused_with_the_command_that_mends_it(path: Path, mode: int) -> None:
    secret_file.create(path)
    path.chmod(mode)
    with pytest.raises(ImproperlyConfigured, match=f"chmod 600 {path}"):
        secret_file.load(path)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"secret_key": "x"}', "\x00"])
def test_a_spoilt_file_is_told_and_left_alone(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ImproperlyConfigured, match=r"secrets\.json"):
        secret_file.load(path)
    assert path.read_text() == text


def test_secrets_do_not_show_themselves(path: Path) -> None:
    secret_file.create(path)
    held = json.loads(path.read_text())
    shown = repr(secret_file.load(path))
    assert held["secret_key"] not in shown
    assert held["encryption_keys"][0] not in shown
