"""Which addresses may be reached.

A base URL is written by people, a name is resolved by strangers: unless a provider's row allows local addresses,
nothing of this computer or its network is reached. The socket is refused for the very address that it would connect
to, so that a name which resolves differently the second time gains nothing.
"""

import ipaddress
import socket
from typing import Any

import httpx

from providers.errors import WrongAddress

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IPv6 networks whose last 32 bits are an IPv4 address: mapped, compatible, NAT64
EMBEDDING = [ipaddress.IPv6Network(network) for network in ("::ffff:0:0/96", "::/96", "64:ff9b::/96")]
# Local by their meaning, although Python's ipaddress calls them global
FURTHER_LOCAL = [ipaddress.IPv6Network(network) for network in ("fec0::/10", "64:ff9b:1::/48")]


class LocalAddressRefused(OSError):
    """Says the same of every address of a name: only then does aiohttp let the type through."""

    def __init__(self) -> None:
        super().__init__("It leads to this computer or its own network, which this provider's settings do not allow.")


def is_local(address: str) -> bool:
    """Whether a numeric address belongs to this computer or a private network, in whatever clothes."""
    number = ipaddress.ip_address(address.partition("%")[0])
    return not all(_is_public(face) for face in _faces(number))


def _is_public(number: Address) -> bool:
    if isinstance(number, ipaddress.IPv6Address) and any(number in network for network in FURTHER_LOCAL):
        return False
    return number.is_global and not number.is_multicast


def _faces(number: Address) -> list[Address]:
    """The address that is really meant: an IPv4 address may travel inside one of IPv6."""
    if isinstance(number, ipaddress.IPv6Address):
        if any(number in network for network in EMBEDDING):
            return [ipaddress.IPv4Address(int(number) & 0xFFFFFFFF)]
        if number.sixtofour is not None:
            return [number, number.sixtofour]
        if number.teredo is not None:
            return [number, *number.teredo]
    return [number]


def guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket for one resolved address; raises LocalAddressRefused."""
    family, kind, protocol, _, address = info
    if is_local(address[0]):
        raise LocalAddressRefused
    return socket.socket(family=family, type=kind, proto=protocol)


def checked_url(url: str, *, allow_local: bool = False) -> httpx.URL:
    """The URL, if it is one we would ever call. Raises WrongAddress."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise WrongAddress("It cannot be read as a URL.") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise WrongAddress("It must begin with http:// or https:// and name a host.")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise WrongAddress("Its port is none.")
    if parsed.userinfo:
        raise WrongAddress("A name or password does not belong into an address: use the key.")
    if not allow_local and _is_local_literal(parsed.host):
        raise WrongAddress(str(LocalAddressRefused()))
    return parsed


def _is_local_literal(host: str) -> bool:
    """Numbers in any spelling the system would take ('127.1', '0x7f000001'); names are judged once resolved."""
    try:
        return is_local(host)
    except ValueError:
        pass
    try:
        return is_local(socket.inet_ntoa(socket.inet_aton(host)))
    except (OSError, UnicodeError):
        return host == "localhost" or host.endswith(".localhost")
