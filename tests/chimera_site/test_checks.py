from pathlib import Path

import pytest

from chimera_site import checks, secret_file


@pytest.mark.parametrize("host", ["*", ".example.org", "*.example.org"])
def test_b1_a_wildcard_host_is_refused_unless_debugging(settings, host: str) -> None:
    settings.ALLOWED_HOSTS = ["chat.example.org", host]
    assert [error.id for error in checks.hosts_are_named(None)] == ["chimera_site.E001"]
    settings.DEBUG = True
    assert checks.hosts_are_named(None) == []


def test_e4_an_open_secrets_file_is_refused_with_the_command_that_mends_it(settings, tmp_path: Path) -> None:
    settings.SECRETS_PATH = tmp_path / "secrets.json"
    assert checks.secrets_are_closed(None) == []
    secret_file.create(settings.SECRETS_PATH)
    assert checks.secrets_are_closed(None) == []
    settings.SECRETS_PATH.chmod(0o644)
    (error,) = checks.secrets_are_closed(None)
    assert f"chmod 600 {settings.SECRETS_PATH}" in error.msg


def test_secrets_that_would_be_new_at_every_start_do_not_go_into_production(settings) -> None:
    settings.SECRET_KEY_IS_LASTING = False
    assert [error.id for error in checks.secrets_last(None)] == ["chimera_site.E003"]
    settings.SECRET_KEY_IS_LASTING = True
    assert checks.secrets_last(None) == []
