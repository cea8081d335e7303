"""Requests and their answers, read within limits."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from typing import Any

import httpx
import orjson

from providers.errors import (
    ProviderError,
    RequestRejected,
    ServiceUnavailable,
    StreamInterrupted,
    TimedOut,
    WrongAddress,
)

from . import pool
from .faults import NETWORK_ERRORS, fault, redacted, secrets_of, unreachable
from .guard import checked_url

MAX_STREAM = 256_000_000  # bytes of a streamed answer, unpacked
MAX_BODY = 32_000_000  # bytes of an answer in one piece
MAX_FAULT = 64_000  # bytes read of an error's body
UNPACKED_AT_ONCE = 256_000


class Answer:
    """An answer that has begun. `headers` are read case-blind; `chunks()` yields its bytes as they come."""

    def __init__(self, response: httpx.Response, secrets: list[str]) -> None:
        self.headers = response.headers
        self._response = response
        self._secrets = secrets

    async def chunks(self, limit: int | None = None) -> AsyncGenerator[bytes]:
        """Raises StreamInterrupted, TimedOut, or ServiceUnavailable for more than the limit (bytes)."""
        limit = limit or MAX_STREAM
        now = asyncio.get_running_loop().time
        deadline = now() + pool.TIMEOUTS.whole
        total = 0
        try:
            async with aclosing(_plain(self._response)) as pieces:
                async for piece in pieces:
                    total += len(piece)
                    if total > limit:
                        raise StreamInterrupted(f"The service sent more than {limit} bytes.")
                    if now() > deadline:
                        raise TimedOut("The answer took longer than any may take.")
                    yield piece
        except NETWORK_ERRORS as error:
            raise unreachable(error, begun=True, secrets=self._secrets) from error

    async def json(self) -> Any:
        """The whole answer as JSON. Raises ServiceUnavailable if it is none."""
        async with aclosing(self.chunks(MAX_BODY)) as chunks:
            body = b"".join([chunk async for chunk in chunks])
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            raise ServiceUnavailable("The service answered with something that is not JSON.") from None

    def fault(self, payload: Any) -> ProviderError:
        """What an error inside this answer means."""
        return fault(payload, headers=self.headers, secrets=self._secrets)

    def redacted(self, text: str) -> str:
        return redacted(text, self._secrets)


@asynccontextmanager
async def open_stream(
    url: str, *, body: Mapping[str, Any], headers: Mapping[str, str] | None = None, allow_local: bool = False
) -> AsyncIterator[Answer]:
    """POST `body` as JSON and hand out the answer as soon as it begins; closes the connection when left.

    Raises the ProviderError that a status, a redirect or the network means.
    """
    try:
        content = orjson.dumps(body)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise RequestRejected(f"The request cannot be written as JSON: {error}") from error
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json", **(headers or {})}
    async with _open("POST", url, headers, content, allow_local, pool.TIMEOUTS.answer) as answer:
        yield answer


async def get_json(url: str, *, headers: Mapping[str, str] | None = None, allow_local: bool = False) -> Any:
    """GET a small JSON document within the `lookup` timeout. Raises ProviderError."""
    patience = pool.TIMEOUTS.lookup
    try:
        async with (
            asyncio.timeout(patience),
            _open("GET", url, {"Accept": "application/json", **(headers or {})}, None, allow_local, patience) as answer,
        ):
            return await answer.json()
    except TimeoutError:
        raise TimedOut("The service took too long to answer a small question.") from None


@asynccontextmanager
async def _open(
    method: str, url: str, headers: Mapping[str, str], content: bytes | None, allow_local: bool, patience: float
) -> AsyncIterator[Answer]:
    secrets = secrets_of({name: value for name, value in headers.items() if name not in ("Accept", "Content-Type")})
    target = checked_url(url, allow_local=allow_local)
    async with AsyncExitStack() as stack:
        try:
            client = pool.client(local=allow_local)
            request = client.build_request(
                method, target, headers=_sendable(headers), content=content, timeout=pool.TIMEOUTS.as_httpx()
            )
            async with asyncio.timeout(patience):
                response = await client.send(request, stream=True)
        except NETWORK_ERRORS as error:
            raise unreachable(error, secrets=secrets) from error
        stack.push_async_callback(_close, response)
        if response.status_code // 100 != 2:
            raise await _refusal(response, secrets)
        yield Answer(response, secrets)


def _sendable(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not (name + value).isascii() or not (name + value).isprintable():
            raise RequestRejected(f"The header '{name[:40]!a}' holds characters that cannot be sent.")
    return dict(headers)


async def _close(response: httpx.Response) -> None:
    with suppress(*NETWORK_ERRORS):
        await response.aclose()


async def _refusal(response: httpx.Response, secrets: list[str]) -> ProviderError:
    if response.status_code // 100 == 3:
        place = redacted(response.headers.get("location", "nowhere"), secrets)
        return WrongAddress(f"It sends us on to {place}, and we do not follow.", status=response.status_code)
    body = await _beginning(response)
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        payload = body.decode(errors="replace")
    return fault(payload, status=response.status_code, headers=response.headers, secrets=secrets)


async def _beginning(response: httpx.Response) -> bytes:
    """As much of an error's body as comes soon; whatever happens to the rest does not matter any more."""
    body = b""
    with suppress(*NETWORK_ERRORS):
        async with asyncio.timeout(pool.TIMEOUTS.lookup), aclosing(_plain(response)) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) >= MAX_FAULT:
                    break
    return body[:MAX_FAULT]


async def _plain(response: httpx.Response) -> AsyncGenerator[bytes]:
    """The body's bytes. We ask for none of the encodings; of those sent all the same only zlib's can be bounded."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise ServiceUnavailable("The answer cannot be read as a stream.")
    if encoding in ("identity", ""):
        async for chunk in stream:
            yield chunk
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ServiceUnavailable(f"The service answered in an encoding that was not asked for: {encoding[:40]}")
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    async for chunk in stream:
        while chunk:
            try:
                yield unpacker.decompress(chunk, UNPACKED_AT_ONCE)
            except zlib.error as error:
                raise StreamInterrupted("The service sent bytes that cannot be unpacked.") from error
            chunk = unpacker.unconsumed_tail
