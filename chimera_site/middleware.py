"""What happens around every request: its id and log line, whom it came from, static files, one shape of error."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction, markcoroutinefunction
from io import BytesIO
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware

from chimera_site import errors, log
from chimera_site.addresses import is_within, parsed
from conversations.errors import DomainError

logger = logging.getLogger("chimera_site.request")

type GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]

FORWARDED_HEADERS = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
)


class Middleware:
    """Runs in both of Django's modes without a hop to another thread."""

    sync_capable = async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        return self.get_response(request)


class RequestLogMiddleware(Middleware):
    """Gives the request its id, which goes out as X-Request-ID and stands on error pages, and logs one line."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        started = time.perf_counter()
        log.request_id.set(secrets.token_hex(8))
        answer = self.get_response(request)
        if isinstance(answer, HttpResponseBase):
            return self.finish(request, answer, started)
        return self.finish_later(request, answer, started)

    async def finish_later(
        self, request: HttpRequest, answer: Awaitable[HttpResponseBase], started: float
    ) -> HttpResponseBase:
        return self.finish(request, await answer, started)

    @staticmethod
    def finish(request: HttpRequest, response: HttpResponseBase, started: float) -> HttpResponseBase:
        response["X-Request-ID"] = log.request_id.get()
        match = request.resolver_match
        # Only a user that the view has asked for: the line is not worth a query.
        user = getattr(request, "_cached_user", None) or getattr(request, "_acached_user", None)
        logger.log(
            logging.INFO if match or response.status_code >= 400 else logging.DEBUG,
            "request",
            extra={
                "method": request.method,
                "route": match.view_name if match else "-",
                "status": response.status_code,
                "ms": round((time.perf_counter() - started) * 1000),
                "user": getattr(user, "pk", None) or "-",
            },
        )
        return response


class ForwardedMiddleware(Middleware):
    """Believes forwarded headers from trusted proxies alone, and drops them from anyone else."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        meta = request.META
        request.was_forwarded = any(header in meta for header in FORWARDED_HEADERS)  # type: ignore[attr-defined]
        if is_trusted(meta.get("REMOTE_ADDR")):
            meta["REMOTE_ADDR"] = visitor(meta["REMOTE_ADDR"], meta.get("HTTP_X_FORWARDED_FOR", ""))
        else:
            for header in FORWARDED_HEADERS:
                meta.pop(header, None)
        address = parsed(meta.get("REMOTE_ADDR"))
        log.client_address.set(str(address) if address else None)
        return self.get_response(request)


def is_trusted(address: str | None) -> bool:
    return is_within(address, settings.TRUSTED_PROXIES)


def visitor(peer: str, hops: str) -> str:
    """The nearest address that is not one of our proxies; what lies beyond it the visitor may have made up."""
    for hop in reversed([hop.strip() for hop in hops.split(",") if hop.strip()]):
        if parsed(hop) is None:
            break
        peer = hop
        if not is_trusted(hop):
            break
    return peer


async def at_once(response: HttpResponseBase) -> HttpResponseBase:
    return response


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise has no types
    """WhiteNoise, but in async mode too: its own middleware would send every request through another thread."""

    sync_capable = async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        answer = super().__call__(request)
        is_file = isinstance(answer, HttpResponseBase)
        return at_once(answer) if is_file and iscoroutinefunction(self) else answer

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        """The file in one piece: ours are small, and a response that streams from disk blocks in async mode."""
        found = static_file.get_response(request.method, request.META)
        with found.file or BytesIO() as file:
            response = HttpResponse(file.read(), status=int(found.status))
        del response["content-type"]
        for name, value in found.headers:
            response[name] = value
        return response


class DomainErrorMiddleware(Middleware):
    """What a person did that cannot be done comes out in one shape, whichever view it was."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return errors.domain_error(request, exception) if isinstance(exception, DomainError) else None
