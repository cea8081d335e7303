from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from providers import registry
from providers.adapters.openai_compatible import OpenAICompatible
from providers.base import AIProvider, StreamingProvider
from providers.errors import MissingKey, ServiceUnavailable
from providers.registry import ADAPTERS, UnknownAdapter, adapter, build, slugs
from tests.providers.test_base import Guided

ROW = {
    "api_key": "a-key",
    "base_url": "https://ai.example.org",
    "headers": {},
    "allow_local": False,
    "asks_usage": True,
}


class Narrow(Guided):
    def __init__(self, base_url: str = "https://own.example") -> None:
        super().__init__("no key")
        self.base_url = base_url


class Broken(Guided):
    def __init__(self, **config: Any) -> None:
        raise ValueError("my key is a-key")


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Packages that bring adapters: good ones, and some that should not have been installed."""
    here = "tests.providers.test_registry"
    values = {
        "guided": "tests.providers.test_base:Guided",
        "narrow": f"{here}:Narrow",
        "broken": f"{here}:Broken",
        "gone": "no_such_package:Provider",
        "unfit": f"{here}:ROW",
        "rehearsal": f"{here}:Narrow",
    }
    entries = [EntryPoint(name, value, registry.GROUP) for name, value in values.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    registry._outside.cache_clear()
    yield
    registry._outside.cache_clear()


def test_every_adapter_stands_under_its_own_slug() -> None:
    for slug, kind in ADAPTERS.items():
        assert kind.slug == slug
        assert kind.label
        assert issubclass(kind, StreamingProvider)
    assert {"builtin", "openai_compatible", "rehearsal"} <= ADAPTERS.keys()


def test_an_unknown_slug() -> None:
    with pytest.raises(UnknownAdapter, match="'nobody'"):
        adapter("nobody")
    with pytest.raises(LookupError):
        build("nobody")


def test_ours_is_built_from_a_row() -> None:
    provider = build("openai_compatible", **ROW)
    assert isinstance(provider, OpenAICompatible)
    assert (provider.api_key, provider.base_url) == ("a-key", "https://ai.example.org")
    assert provider.config == {"asks_usage": True}


@pytest.mark.usefixtures("outside")
def test_outside_adapters_stand_beside_ours() -> None:
    assert slugs()[-5:] == ["broken", "gone", "guided", "narrow", "unfit"]
    assert adapter("guided") is Guided
    assert adapter("rehearsal") is ADAPTERS["rehearsal"]


@pytest.mark.usefixtures("outside")
def test_they_are_built_by_their_own_signature() -> None:
    guided = build("guided", **ROW)
    assert isinstance(guided, AIProvider)
    assert guided.config == {"allow_local": False, "asks_usage": True}
    narrow = build("narrow", **{**ROW, "base_url": ""})
    assert isinstance(narrow, Narrow)
    assert narrow.base_url == "https://own.example"


@pytest.mark.usefixtures("outside")
def test_what_cannot_be_built_says_so() -> None:
    with pytest.raises(MissingKey):
        build("guided", api_key="")
    with pytest.raises(ServiceUnavailable) as caught:
        build("broken", **ROW)
    assert "a-key" not in caught.value.detail
    for slug in ("gone", "unfit"):
        with pytest.raises(UnknownAdapter):
            build(slug)
