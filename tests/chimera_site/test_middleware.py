import logging
from ipaddress import ip_network

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory

from chimera_site import log
from chimera_site.middleware import DomainErrorMiddleware, ForwardedMiddleware, visitor
from chimera_site.models import User
from conversations.errors import NotAllowed, NotFound


@pytest.fixture
def trusted(settings):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]


def request_lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "chimera_site.request"]


def test_each_request_has_an_id_that_stands_in_its_one_log_line(client: Client, caplog) -> None:
    with caplog.at_level("INFO"):
        response = client.get("/health/live?words=secret")
    (line,) = request_lines(caplog)
    assert response["X-Request-ID"] == log.request_id.get()
    assert (line.method, line.route, line.status, line.user) == ("GET", "live", 200, "-")
    assert "secret" not in log.TextFormatter().format(line) + log.JSONFormatter().format(line)


def test_the_log_line_names_the_person_by_key_alone(client: Client, alice: User, caplog) -> None:
    client.force_login(alice)
    with caplog.at_level("INFO"):
        client.get("/accounts/password/")
    (line,) = request_lines(caplog)
    assert (line.route, line.user) == ("account_change_password", alice.pk)


@pytest.mark.asyncio
async def test_the_async_way_is_the_same(async_client: AsyncClient, caplog) -> None:
    with caplog.at_level("INFO"):
        response = await async_client.get("/health/live")
    assert response["X-Request-ID"]
    assert len(request_lines(caplog)) == 1


def seen(request: HttpRequest) -> HttpRequest:
    ForwardedMiddleware(lambda request: HttpResponse())(request)
    return request


def test_a_forwarded_header_from_anyone_is_dropped(trusted) -> None:
    request = RequestFactory().get(
        "/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR="203.0.113.9", HTTP_X_FORWARDED_PROTO="https"
    )
    seen(request)
    assert request.META["REMOTE_ADDR"] == "192.0.2.1"
    assert not request.is_secure()
    assert request.was_forwarded
    assert log.client_address.get() == "192.0.2.1"


def test_a_trusted_proxy_is_believed(trusted) -> None:
    request = RequestFactory().get(
        "/",
        REMOTE_ADDR="10.0.0.1",
        HTTP_X_FORWARDED_FOR="6.6.6.6, 203.0.113.9, 10.0.0.7",
        HTTP_X_FORWARDED_PROTO="https",
    )
    seen(request)
    assert request.META["REMOTE_ADDR"] == "203.0.113.9"
    assert request.is_secure()


@pytest.mark.parametrize(("hops", "expected"), [("", "10.0.0.1"), ("nonsense", "10.0.0.1"), ("::1", "::1")])
def test_the_visitor_behind_a_proxy(trusted, hops: str, expected: str) -> None:
    assert visitor("10.0.0.1", hops) == expected


def test_a_file_is_served_with_its_type_and_cache_headers(client: Client) -> None:
    response = client.get("/static/chimera/base.css")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/css")
    assert b"{" in response.content
    assert client.get("/static/chimera/base.css", HTTP_IF_MODIFIED_SINCE=response["Last-Modified"]).status_code == 304
    assert client.head("/static/chimera/base.css").content == b""
    assert client.get("/static/chimera/base.css", HTTP_RANGE="bytes=0-3").content == response.content[:4]


@pytest.mark.asyncio
async def test_a_file_is_served_in_async_mode_too(async_client: AsyncClient) -> None:
    assert (await async_client.get("/static/chimera/mark.svg")).status_code == 200
    assert (await async_client.get("/static/chimera/none.svg")).status_code == 404


def refused(error: Exception, **headers: str) -> HttpResponse | None:
    request = AsyncRequestFactory().get("/", headers=headers)
    return DomainErrorMiddleware(lambda request: HttpResponse()).process_exception(request, error)


def test_a_domain_error_becomes_a_page_with_its_sentence() -> None:
    response = refused(NotAllowed("Only owners may do <this>."))
    assert response.status_code == 403
    assert "Only owners may do &lt;this&gt;." in response.text
    assert "<html" in response.text


def test_htmx_gets_the_sentence_as_a_fragment() -> None:
    response = refused(NotAllowed("Only owners may do this."), **{"HX-Request": "true"})
    assert response.text.startswith("<p")
    assert "<html" not in response.text


def test_what_is_not_theirs_looks_like_what_is_not_there() -> None:
    assert "nothing that you may see" in refused(NotFound("room 7 is Alice's")).text


def test_other_exceptions_are_not_its_business() -> None:
    assert refused(ValueError("x")) is None
