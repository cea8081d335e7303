from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from chimera_site import checks, secret_file
from providers.actions import save_key
from providers.models import ProviderConfig


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


def test_e2_stored_keys_that_do_not_open_are_told_by_name(settings, db) -> None:
    provider = ProviderConfig.objects.create(kind="openai_compatible", label="My server")
    save_key(provider, "sk-not-a-real-key-0000")
    assert checks.stored_keys_open(None) == []
    settings.CHIMERA_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    (warning,) = checks.stored_keys_open(None)
    assert "My server" in warning.msg
    assert "sk-not" not in str(warning)
