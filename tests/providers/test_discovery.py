"""Finding a service's models; the plain way is tested through the admin."""

import pytest

from providers import discovery
from providers.discovery import discover
from providers.errors import ServiceUnavailable
from providers.models import AIModel, ProviderConfig

from .conftest import Scripted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


async def test_known_models_stay_as_they_are(
    model: AIModel, provider: ProviderConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "adapter_for", lambda row: Scripted())
    assert [(row.model_id, row.enabled) for row in await discover(provider.pk, enabled=True)] == [("model-2", True)]
    assert await discover(provider.pk) == []


async def test_a_defect_is_a_typed_error_without_its_words(
    provider: ProviderConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Scripted):
        async def get_models(self) -> list[str]:
            raise ValueError("sk-secret")

    monkeypatch.setattr(discovery, "adapter_for", lambda row: Broken())
    with pytest.raises(ServiceUnavailable) as caught:
        await discover(provider.pk)
    assert "sk-secret" not in str(caught.value)
