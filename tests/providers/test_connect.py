"""From a row to its adapter."""

from typing import Any

import pytest

from providers import actions
from providers.adapters.openai_compatible import OpenAICompatible
from providers.connect import adapter_for, stored_key
from providers.errors import MissingKey, ServiceUnavailable
from providers.models import ProviderConfig

KEY = "sk-a-secret-of-the-tests-9876"


def test_the_row_reaches_the_adapter(provider: ProviderConfig) -> None:
    provider.options, provider.allow_local = {"flavour": "plain", "api_key": "not this one"}, True
    actions.save_key(provider, KEY)
    actions.save_headers(provider, {"X-Team": "red"})
    adapter: Any = adapter_for(provider)
    assert isinstance(adapter, OpenAICompatible)
    assert (adapter.api_key, adapter.base_url) == (KEY, "https://api.example.org/v1")
    assert (adapter.headers, adapter.allow_local, adapter.config["flavour"]) == ({"X-Team": "red"}, True, "plain")


def test_no_secret_is_no_key(provider: ProviderConfig) -> None:
    assert adapter_for(provider).api_key == ""  # type: ignore[attr-defined]


def test_a_lost_ring_is_a_missing_key(provider: ProviderConfig, settings: Any) -> None:
    actions.save_headers(provider, {"X-Token": KEY})
    settings.CHIMERA_ENCRYPTION_KEYS = []
    with pytest.raises(MissingKey) as caught:
        adapter_for(provider)
    assert "Enter them again" in caught.value.detail


def test_a_needed_key(provider: ProviderConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenAICompatible, "needs_key", True)
    with pytest.raises(MissingKey):
        adapter_for(provider)
    assert stored_key(provider) == "needs key"
    actions.save_key(provider, KEY)
    assert stored_key(provider) == "••••9876"


def test_an_adapter_that_is_gone(provider: ProviderConfig) -> None:
    provider.kind = "gone"
    with pytest.raises(ServiceUnavailable, match="gone"):
        adapter_for(provider)
    assert stored_key(provider) == "none"
