from typing import Any

import pytest
import respx

from providers.adapters.openai_compatible import OpenAICompatible, endpoint
from providers.errors import ServiceUnavailable, WrongAddress
from providers.request import ChatMessage, ChatRequest
from tests.providers.dialects import answer, document, take, text_of
from tests.providers.loopback import Visit, serving

BASE = "https://ai.example.org"
REQUEST = ChatRequest("m-1", (ChatMessage("user", "Hi"),), max_output=9)


@pytest.mark.parametrize(
    ("base", "root"),
    [
        ("https://a.example", "https://a.example/v1"),
        ("https://a.example/", "https://a.example/v1"),
        (" https://a.example/v1 ", "https://a.example/v1"),
        ("https://a.example/v1/", "https://a.example/v1"),
        ("https://a.example/v1/chat/completions", "https://a.example/v1"),
        ("https://a.example/chat/completions", "https://a.example/v1"),
        ("https://a.example/api/v1", "https://a.example/api/v1"),
        ("http://127.0.0.1:8080/openai//", "http://127.0.0.1:8080/openai"),
    ],
)
def test_bases_as_people_write_them(base: str, root: str) -> None:
    assert endpoint(base, "/models") == f"{root}/models"


def test_a_base_may_carry_a_query() -> None:
    assert endpoint("https://a.example/v1?api-version=3#x", "/models") == "https://a.example/v1/models?api-version=3"


@pytest.mark.asyncio
async def test_settings_shape_the_request() -> None:
    provider = OpenAICompatible(
        api_key="a-key", base_url=BASE, headers={"X-Team": "red"}, limit_field="max_completion_tokens", asks_usage=False
    )
    with respx.mock(using="httpx") as router:
        route = router.post(f"{BASE}/v1/chat/completions").respond(content=answer("Hello"))
        events, error = await take(provider.stream(REQUEST))
    assert error is None
    assert text_of(events) == "Hello"
    sent = route.calls.last.request
    assert sent.headers["authorization"] == "Bearer a-key"
    assert sent.headers["x-team"] == "red"
    assert b'"max_completion_tokens":9' in sent.content
    assert b"stream_options" not in sent.content


@pytest.mark.asyncio
async def test_no_key_no_header() -> None:
    with respx.mock(using="httpx") as router:
        route = router.post(f"{BASE}/v1/chat/completions").respond(json=document("Hello"))
        pieces = [text async for text in OpenAICompatible(base_url=BASE).chat([{"role": "user", "content": "Hi"}])]
    assert pieces == ["Hello"]
    assert "authorization" not in route.calls.last.request.headers


@pytest.mark.asyncio
async def test_without_an_address_it_says_so() -> None:
    _, error = await take(OpenAICompatible().stream(REQUEST))
    assert isinstance(error, WrongAddress)
    assert await OpenAICompatible().health_check() is False


@pytest.mark.asyncio
async def test_local_addresses_only_where_the_row_allows_them() -> None:
    async def handler(visit: Visit) -> None:
        body = b'{"data": [{"id": "m-1"}]}'
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with serving(handler) as server:
        assert await OpenAICompatible(base_url=server.url).health_check() is False
        assert await OpenAICompatible(base_url=server.url, allow_local=True).get_models() == ["m-1"]


@pytest.mark.parametrize(
    ("said", "models"),
    [
        ({"object": "list", "data": [{"id": "b"}, {"id": "a"}, {"id": "b"}]}, ["b", "a"]),
        ({"models": [{"name": "a"}]}, ["a"]),
        (["a", {"id": "b"}, {"id": None}, 4, {"id": ""}, {"id": "x" * 201}], ["a", "b"]),
        ({"data": [{"id": "a", "meta": None}, {"id": "text-embedding-3"}, {"id": "whisper-1"}]}, ["a"]),
        ({"data": []}, []),
    ],
)
@pytest.mark.asyncio
async def test_lists_of_models(said: Any, models: list[str]) -> None:
    with respx.mock(using="httpx") as router:
        router.get(f"{BASE}/v1/models").respond(json=said)
        assert await OpenAICompatible(base_url=BASE).get_models() == models


@pytest.mark.asyncio
async def test_a_list_that_is_none() -> None:
    with respx.mock(using="httpx") as router:
        router.get(f"{BASE}/v1/models").respond(json={"hello": "there"})
        with pytest.raises(ServiceUnavailable):
            await OpenAICompatible(base_url=BASE).get_models()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (401, False), (503, False)])
@pytest.mark.asyncio
async def test_health(status: int, healthy: bool) -> None:
    with respx.mock(using="httpx") as router:
        router.get(f"{BASE}/v1/models").respond(status, json={"data": []})
        assert await OpenAICompatible(base_url=BASE, api_key="a-key").health_check() is healthy


def test_its_key_is_not_in_its_repr() -> None:
    assert "a-key" not in repr(OpenAICompatible(api_key="a-key"))
