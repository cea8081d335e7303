from unittest.mock import patch

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.test import Client, RequestFactory

from chimera_site import errors, log


@pytest.mark.parametrize(
    ("status", "response"),
    [
        (400, lambda request: errors.bad_request(request, SuspiciousOperation())),
        (403, lambda request: errors.permission_denied(request, PermissionDenied())),
        (403, errors.csrf_failure),
        (404, lambda request: errors.page_not_found(request, Exception())),
        (413, lambda request: errors.bad_request(request, RequestDataTooBig())),
        (429, errors.too_many_requests),
        (500, errors.server_error),
    ],
)
def test_an_error_page_needs_no_database_and_carries_the_id(status: int, response) -> None:
    token = log.request_id.set("0123456789abcdef")
    try:
        page = response(RequestFactory().get("/"))
    finally:
        log.request_id.reset(token)
    assert page.status_code == status
    assert "0123456789abcdef" in page.text
    assert "Chimera" in page.text


def test_an_unknown_address_says_so_in_our_dress(client: Client) -> None:
    page = client.get("/nothing/here/")
    assert page.status_code == 404
    assert page["X-Request-ID"] in page.text
    assert "default-src 'self'" in page["Content-Security-Policy"]


def test_a_defect_shows_the_id_of_its_log_lines(client: Client, caplog) -> None:
    client.raise_request_exception = False
    with patch("chimera_site.founding.is_founded", side_effect=OperationalError("gone")):
        page = client.get("/accounts/login/")
    assert page.status_code == 500
    assert page["X-Request-ID"] in page.text
    assert "gone" not in page.text


def test_an_error_page_that_cannot_be_rendered_still_answers() -> None:
    with patch("chimera_site.errors.render_to_string", side_effect=RuntimeError):
        page = errors.server_error(RequestFactory().get("/"))
    assert page.status_code == 500
    assert "<h1>Our mistake</h1>" in page.text


def test_a_body_over_the_limit_is_413(client: Client, settings, db) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert client.post("/setup/", {"email": "x" * 200}).status_code == 413


def test_a_forged_form_is_refused_with_a_word_of_help(db) -> None:
    page = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "a", "password": "b"})
    assert page.status_code == 403
    assert "Reload the page" in page.text
