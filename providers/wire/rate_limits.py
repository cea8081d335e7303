"""What a service's headers say is left of its limits."""

import re
from collections.abc import Mapping

from providers.events import RateLimits

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def rate_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """From headers of the x-ratelimit family; None where there are none."""
    requests = _count(headers.get("x-ratelimit-remaining-requests"))
    tokens = _count(headers.get("x-ratelimit-remaining-tokens"))
    if requests is None and tokens is None:
        return None
    resets = [_duration(headers.get(f"x-ratelimit-reset-{kind}", "")) for kind in ("requests", "tokens")]
    known = [reset for reset in resets if reset is not None]
    return RateLimits(requests=requests, tokens=tokens, reset=max(known, default=None))


def _count(value: str | None) -> int | None:
    return int(value) if value is not None and re.fullmatch(r"\d{1,15}", value) else None


def _duration(value: str) -> float | None:
    """Seconds of '1s', '12ms', '6m0s', '1h2m3.5s'."""
    if not re.fullmatch(f"({_PART.pattern})+", value[:40]):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(value))
