"""What an administrator is told of a service; the plain ways are tested through the admin."""

from typing import Any

import pytest

from providers import health
from providers.health import check
from providers.models import ProviderConfig

from .conftest import Scripted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


async def test_a_defect_is_told_without_its_words(provider: ProviderConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Scripted):
        async def health_check(self) -> bool:
            raise ValueError("sk-secret")

    monkeypatch.setattr(health, "adapter_for", lambda row: Broken())
    found = await check(provider.pk)
    assert (found.ok, found.sentence) == (False, "A defect of the adapter: ValueError.")


async def test_silence_without_a_reason(provider: ProviderConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Scripted):
        async def health_check(self) -> bool:
            return False

        async def get_models(self) -> list[Any]:
            return []

    monkeypatch.setattr(health, "adapter_for", lambda row: Silent())
    assert not (await check(provider.pk)).ok
