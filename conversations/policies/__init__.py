"""Who speaks next. One file a policy; the registry below is the whole list."""

from collections.abc import Mapping
from types import MappingProxyType

from .base import Ask, Choice, End, PastTurn, Policy, RoundState, Seat, Speak
from .everyone import Everyone
from .guards import Guarded
from .round_robin import RoundRobin

__all__ = [
    "POLICIES",
    "Ask",
    "Choice",
    "End",
    "PastTurn",
    "Policy",
    "RoundState",
    "Seat",
    "Speak",
    "UnknownPolicy",
    "get_policy",
]

_ALL: tuple[Policy, ...] = (Everyone(), RoundRobin())

POLICIES: Mapping[str, Guarded] = MappingProxyType({policy.slug: Guarded(policy) for policy in _ALL})
"""The policies a room can be given, in the order they are offered, each under the guards of all."""


class UnknownPolicy(LookupError):
    """No policy of this name is installed."""


def get_policy(slug: str) -> Guarded:
    """Return the policy under its guards; raises UnknownPolicy."""
    try:
        return POLICIES[slug]
    except KeyError:
        raise UnknownPolicy(slug) from None
