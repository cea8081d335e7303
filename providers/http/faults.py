"""What went wrong, as a ProviderError.

Two ways lead here: the network failed (`unreachable`), or the service said so (`fault`), by its status, in the body
of an error, or in the middle of an answer that began well. What it said is judged by its code where that is
unambiguous, then by its words, then by its status.
"""

import math
import re
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import httpx

from providers.errors import (
    AuthenticationFailed,
    ContentRefused,
    ContextTooLong,
    MissingKey,
    ModelNotFound,
    OutOfCredit,
    ProviderError,
    RateLimitExceeded,
    RequestRejected,
    ServiceUnavailable,
    StreamInterrupted,
    TimedOut,
    WrongAddress,
)

from .guard import LocalAddressRefused

NETWORK_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, aiohttp.ClientError, OSError, ValueError)
LONGEST_WAIT = 86_400.0

CODES: dict[str, type[ProviderError]] = {
    code: kind
    for kind, codes in {
        AuthenticationFailed: "invalid_api_key authentication authentication_error permission_denied unauthenticated",
        OutOfCredit: (
            "insufficient_quota credit_balance_exhausted organization_spend_limit_exceeded payment_required"
            " project_spend_limit_exceeded organization_usage_limit_exceeded billing_hard_limit_reached"
            " billing_not_active billing_error insufficient_balance"
        ),
        RateLimitExceeded: "rate_limit_exceeded rate_limit_error slow_down too_many_requests",
        ModelNotFound: "model_not_found model_not_available model_not_supported",
        ContextTooLong: (
            "context_length_exceeded exceed_context_size_error token_limit_exceeded string_too_long"
            " payload_too_large request_too_large"
        ),
        ContentRefused: "content_policy_violation content_filter refusal invalid_prompt moderation_blocked",
        ServiceUnavailable: (
            "server_error server internal_server_error internal_error service_unavailable service_unavailable_error"
            " server_is_overloaded overloaded_error provider_overloaded provider_unavailable unavailable"
            " unavailable_error insufficient_system_resource"
        ),
        TimedOut: "timeout timeout_error request_timeout",
    }.items()
    for code in codes.split()
}

WORDS: list[tuple[type[ProviderError], re.Pattern[str]]] = [
    (
        ContextTooLong,
        re.compile(
            r"context (length|size|window)|when context the overflows|available context|too many (input )?tokens"
            r"|(prompt|input) is too long|maximum model length|reduce the length|token count.{0,40}exceeds",
            re.IGNORECASE,
        ),
    ),
    (OutOfCredit, re.compile(r"insufficient (balance|credits?|funds)|credit balance|out of credits?", re.IGNORECASE)),
    (
        AuthenticationFailed,
        re.compile(r"(invalid|incorrect) api.?key|api.?key (is )?(not valid|invalid)", re.IGNORECASE),
    ),
    (
        ModelNotFound,
        re.compile(
            r"\bmodel\b.{0,80}?(not found|not exist|no longer available)|(unknown|invalid|no such) model"
            r"|no models? loaded",
            re.IGNORECASE,
        ),
    ),
    (ServiceUnavailable, re.compile(r"loading model|overloaded", re.IGNORECASE)),
]

STATUSES: dict[int, type[ProviderError]] = {
    401: AuthenticationFailed,
    402: OutOfCredit,
    403: AuthenticationFailed,
    405: WrongAddress,
    408: TimedOut,
    409: ServiceUnavailable,
    413: ContextTooLong,
    425: ServiceUnavailable,
    429: RateLimitExceeded,
    504: TimedOut,
    524: TimedOut,
}

_PARAMETER = re.compile(
    r"(?:parameter|argument|field|property|keyword)s?\b[^'\"`:]{0,30}[:\s]\s*['\"`]?(\w{2,40})\b", re.IGNORECASE
)
_TITLE = re.compile(r"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_KEY = re.compile(r"\b(?:sk|pk|gsk|xai|hf|key|AIza|AQ)[-_.][\w.\-]{12,}|\bAIza[\w\-]{20,}|(?<=Bearer )\S{8,}")


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without keys: those that were sent, and whatever looks like one."""
    for secret in secrets:
        text = text.replace(secret, "•••")
    return _KEY.sub("•••", text)


def secrets_of(headers: Mapping[str, str]) -> list[str]:
    """What must not come back in a text: header values, with and without their scheme ('Bearer')."""
    values = {part for value in headers.values() for part in (value, value.rpartition(" ")[2])}
    return sorted((value for value in values if len(value) >= 6), key=len, reverse=True)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the service asks to wait, at most a day; None where it does not say or makes no sense."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        if (value := headers.get(name)) and (seconds := _seconds(value)) is not None:
            return min(seconds / unit, LONGEST_WAIT)
    return None


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
        except (ValueError, OverflowError, OSError):
            return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


# --- the service said so ---


def fault(
    payload: Any, *, status: int | None = None, headers: Mapping[str, str] | None = None, secrets: Iterable[str] = ()
) -> ProviderError:
    """What a service says in the body of an error, or with an error in an answer that had begun."""
    error = _error_in(payload)
    codes = list(_codes(error))
    status = status if status is not None and status >= 400 else _status_in(codes)
    words = _message(error)
    kind = _judge(codes, words, status)
    if kind is AuthenticationFailed and status == 401 and not secrets:
        kind = MissingKey
    detail = redacted(words or (f"HTTP {status}" if status else ""), secrets)
    wait = retry_after(headers or {})
    if issubclass(kind, RequestRejected):
        return kind(detail, status=status, retry_after=wait, parameter=_parameter(error, words))
    return kind(detail, status=status, retry_after=wait)


def _judge(codes: list[str], words: str, status: int | None) -> type[ProviderError]:
    for code in codes:
        if code in CODES:
            return CODES[code]
    if status is None or status in (400, 403, 404, 413, 422, 429, 500):
        for kind, pattern in WORDS:
            if pattern.search(words) and (status not in (429, 500) or kind in (OutOfCredit, ContextTooLong)):
                return kind
    if status == 404:
        return ModelNotFound if re.search(r"\b(models?|endpoints)\b", words, re.IGNORECASE) else WrongAddress
    if status in STATUSES:
        return STATUSES[status]
    if status is None:
        return (
            RequestRejected if any("invalid" in code or "badrequest" in code for code in codes) else ServiceUnavailable
        )
    return RequestRejected if status < 500 else ServiceUnavailable


def _error_in(payload: Any) -> Any:
    """The part that speaks of the error: services wrap it as they like."""
    if isinstance(payload, list) and payload:
        return _error_in(payload[0])
    if isinstance(payload, dict):
        for key in ("error", "detail", "errors"):
            if inner := payload.get(key):
                if isinstance(inner, dict) or not isinstance(payload.get("message"), str):
                    return _error_in(inner) if isinstance(inner, list) else inner
                return payload
    return payload


def _codes(error: Any) -> Iterator[str]:
    if not isinstance(error, dict):
        return
    metadata = error.get("metadata")
    if isinstance(metadata, dict):
        if metadata.get("flagged_input") or metadata.get("reasons"):
            yield "content_filter"
        yield str(metadata.get("error_type", "")).lower()
    for key in ("code", "type", "status"):
        if isinstance(error.get(key), str | int):
            yield str(error[key]).lower()
    if isinstance(inner := error.get("error"), dict):
        yield from _codes(inner)


def _status_in(codes: list[str]) -> int | None:
    numbers = [int(code) for code in codes if re.fullmatch(r"[45]\d\d", code)]
    return numbers[0] if numbers else None


def _message(error: Any) -> str:
    if isinstance(error, dict):
        for key in ("message", "msg", "error", "detail", "title"):
            if words := _message(error.get(key)):
                return words
        return ""
    if not isinstance(error, str):
        return ""
    if "<html" in error[:1000].lower() or "<!doctype" in error[:1000].lower():
        title = _TITLE.search(error)
        return f"A web page: {title[1].strip()}" if title else "A web page."
    return error.strip()


def _parameter(error: Any, words: str) -> str | None:
    if isinstance(error, dict):
        place = error.get("param") or error.get("loc")
        if isinstance(place, list) and place:
            place = place[-1]
        if isinstance(place, str):
            return place[:80]
    found = _PARAMETER.search(words)
    return found[1] if found else None


# --- the network failed ---


def unreachable(error: BaseException, *, begun: bool = False, secrets: Iterable[str] = ()) -> ProviderError:
    """What a failure of the network means; `begun` once an answer was under way."""
    causes = list(_causes(error))
    detail = redacted(str(causes[-1]) or str(error) or type(error).__name__, secrets)
    if any(isinstance(cause, LocalAddressRefused) for cause in causes):
        return WrongAddress(str(LocalAddressRefused()))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return WrongAddress(f"Its certificate is not valid: {detail}")
    if any(isinstance(cause, aiohttp.InvalidURL | httpx.InvalidURL | httpx.UnsupportedProtocol) for cause in causes):
        return WrongAddress(detail)
    # httpx-aiohttp calls every lost connection a timeout: what aiohttp itself said decides
    said = next((cause for cause in causes if isinstance(cause, aiohttp.ClientError)), error)
    if isinstance(said, TimeoutError | httpx.TimeoutException):
        return TimedOut(detail if begun else f"No answer in time. {detail}")
    return StreamInterrupted(detail) if begun else ServiceUnavailable(detail)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
