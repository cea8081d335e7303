"""One pooled client per event loop and guard."""

import asyncio
import ssl
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from weakref import WeakKeyDictionary

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from .guard import guarded_socket

HEADERS = {"User-Agent": "Chimera", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `idle` is the longest silence within an answer, `answer` the longest wait for one to begin.

    `linger` is how long we wait for what may follow an end mark (usage), `drain` for the end of the body after that,
    so that the connection can be used again. `lookup` is the wait for a small question (models, health), `whole` what
    no answer may exceed.
    """

    connect: float = 10
    pool: float = 15
    write: float = 30
    idle: float = 300
    answer: float = 600
    linger: float = 2
    drain: float = 0.25
    lookup: float = 20
    whole: float = 3600

    def as_httpx(self) -> httpx.Timeout:
        return httpx.Timeout(connect=self.connect, read=self.idle, write=self.write, pool=self.pool)


TIMEOUTS = Timeouts()

_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[bool, httpx.AsyncClient]] = WeakKeyDictionary()


def client(*, local: bool) -> httpx.AsyncClient:
    """The running loop's client. With `local` it may reach this computer and its network."""
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if local not in clients:
        clients[local] = _new_client(local=local)
    return clients[local]


async def close_clients() -> None:
    """Close the running loop's clients, and with them every open answer. To be awaited before a loop ends."""
    for one in _clients.pop(asyncio.get_running_loop(), {}).values():
        await one.aclose()


def _new_client(*, local: bool) -> httpx.AsyncClient:
    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0, ssl=_certificates(), socket_factory=None if local else guarded_socket, keepalive_timeout=30
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)

    return httpx.AsyncClient(
        transport=AiohttpTransport(verify=_certificates(), client=session),
        headers=HEADERS,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # one client serves many keys: remember nothing
        trust_env=False,
        follow_redirects=False,
    )


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()
