"""Network addresses: which are ours, and which are near."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


def parsed(address: str | None) -> IPv4Address | IPv6Address | None:
    """The address, or None for anything else; a mapped IPv4 address is the IPv4 address."""
    try:
        known = ip_address(address or "")
    except ValueError:
        return None
    return getattr(known, "ipv4_mapped", None) or known


def is_loopback(host: str | None) -> bool:
    """Whether only this machine can reach `host`, a name or an address."""
    known = parsed(host)
    return known.is_loopback if known else host == "localhost"


def is_within(address: str | None, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    known = parsed(address)
    return known is not None and any(known in network for network in networks)
