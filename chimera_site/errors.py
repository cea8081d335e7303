"""Error pages in our dress. Each carries the id of its request, which stands in the log.

They are rendered without the request, so that they need no session and no database: they must come out when
everything else fails.
"""

import logging

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from chimera_site import __version__, log
from conversations.errors import DomainError

logger = logging.getLogger("chimera_site.errors")

HEADINGS = {
    403: "You may not do that",
    404: "Not here",
    413: "Too large",
    429: "Too many tries",
    500: "Our mistake",
}
PLAIN = "<!doctype html><title>{heading}</title><h1>{heading}</h1><p>Request {request_id}</p>"


def page(request: HttpRequest, status: int, template: str = "", **context: object) -> HttpResponse:
    """The page for `status`; htmx is sent its sentence alone, as a fragment."""
    is_fragment = request.headers.get("HX-Request") == "true"
    context |= {
        "frame": "errors/_fragment.html" if is_fragment else "errors/_page.html",
        "status": status,
        "heading": HEADINGS.get(status, "That did not work"),
        "request_id": log.request_id.get(),
        "chimera_version": __version__,
    }
    try:
        content: str = render_to_string(template or f"errors/{status}.html", context)
    except Exception:
        logger.exception("an error page could not be rendered")
        content = PLAIN.format(**context)
    return HttpResponse(content, status=status)


def domain_error(request: HttpRequest, error: DomainError) -> HttpResponse:
    """A missing thing looks the same whether it does not exist or is not this person's."""
    if error.status == 404:
        return page(request, 404)
    return page(request, error.status, "errors/refused.html", sentence=error.sentence)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return page(request, 403, "errors/403_csrf.html")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, 404)


def too_many_requests(request: HttpRequest) -> HttpResponse:
    return page(request, 429)


def server_error(request: HttpRequest) -> HttpResponse:
    return page(request, 500)
