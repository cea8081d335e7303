"""The network door against a server that behaves badly, and the guard against addresses that do."""

import asyncio
import gzip
import socket
import ssl
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from providers.errors import (
    ContextTooLong,
    ProviderError,
    RateLimitExceeded,
    RequestRejected,
    ServiceUnavailable,
    StreamInterrupted,
    TimedOut,
    WrongAddress,
)
from providers.events import Finished, StreamEvent
from providers.http import Timeouts, checked_url, client, close_clients, get_json, is_local, open_stream, pool
from providers.http import answer as answers
from providers.http.faults import redacted, retry_after, secrets_of
from providers.request import ChatMessage, ChatRequest
from providers.wire.openai_chat import stream_chat
from tests.providers.dialects import DONE, answer, chunk, take, text_of, usage
from tests.providers.loopback import END, HEAD, Server, Visit, serving

REQUEST = ChatRequest("m-1", (ChatMessage("user", "Hi"),))
QUICK = Timeouts(connect=2, pool=3, idle=0.5, answer=0.6, linger=0.2, drain=0.1, lookup=0.3, whole=30)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "TIMEOUTS", QUICK)


def asking(server: Server, **headers: str) -> AsyncGenerator[StreamEvent]:
    return stream_chat(REQUEST, url=server.url, headers=headers, allow_local=True)


# --- answers


@pytest.mark.asyncio
async def test_one_connection_serves_one_answer_after_the_other() -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(HEAD)
        await visit.stream(answer("Hel", "lo"))
        await visit.send(END)

    async with serving(handler) as server:
        for _ in range(3):
            events, error = await take(asking(server, Authorization="Bearer key-of-mine"))
            assert error is None
            assert text_of(events) == "Hello"
    assert server.connections == 1
    assert "accept-encoding: identity" in server.visits[0].head.lower()
    assert "authorization: bearer key-of-mine" in server.visits[0].head.lower()


@pytest.mark.asyncio
async def test_text_is_there_before_the_end_is() -> None:
    more = asyncio.Event()

    async def handler(visit: Visit) -> None:
        await visit.send(HEAD)
        await visit.stream(chunk("Hel"))
        await more.wait()
        await visit.stream(chunk("lo"), chunk(finish="stop"), DONE)
        await visit.send(END)

    async with serving(handler) as server, aclosing(asking(server)) as events:
        assert text_of([await anext(events)]) == "Hel"
        more.set()
        assert text_of([event async for event in events]) == "lo"


@pytest.mark.asyncio
async def test_what_never_ends_after_its_end_mark_is_complete(quick: None) -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(HEAD)
        await visit.stream(chunk("a"), chunk(finish="stop"))
        await visit.gone.wait()

    async with serving(handler) as server:
        events, error = await take(asking(server))
    assert error is None
    assert isinstance(events[-1], Finished)


@pytest.mark.asyncio
async def test_usage_may_come_a_little_later() -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(HEAD)
        await visit.stream(chunk("a"), chunk(finish="stop"))
        await asyncio.sleep(0.05)
        await visit.stream(usage(), DONE)
        await visit.send(END)

    async with serving(handler) as server:
        events, _ = await take(asking(server))
    assert [type(event).__name__ for event in events] == ["TextDelta", "Usage", "Finished"]


# --- what goes wrong


@pytest.mark.asyncio
async def test_a_cut_in_the_middle_keeps_the_text() -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(HEAD)
        await visit.stream(chunk("a"))
        visit.writer.transport.abort()

    async with serving(handler) as server:
        events, error = await take(asking(server))
    assert text_of(events) == "a"
    assert isinstance(error, StreamInterrupted)


@pytest.mark.asyncio
async def test_an_end_without_end_mark_is_a_cut() -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(HEAD)
        await visit.stream(chunk("a"))
        await visit.send(END)

    async with serving(handler) as server:
        events, error = await take(asking(server))
    assert text_of(events) == "a"
    assert isinstance(error, StreamInterrupted)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 2", b"\x00\xff garbage\r\n\r\n"])
@pytest.mark.asyncio
async def test_a_connection_that_ends_before_an_answer(said: bytes) -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(said)
        visit.writer.close()

    async with serving(handler) as server:
        _, error = await take(asking(server))
    assert isinstance(error, ServiceUnavailable)


@pytest.mark.asyncio
async def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    _, error = await take(stream_chat(REQUEST, url=f"http://127.0.0.1:{port}/v1", allow_local=True))
    await close_clients()
    assert isinstance(error, ServiceUnavailable)
    assert error.retryable


@pytest.mark.asyncio
async def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    _, error = await take(stream_chat(REQUEST, url="https://nowhere.example.org/v1"))
    await close_clients()
    assert type(error) is ServiceUnavailable


async def ask_over_tls(context: ssl.SSLContext | None) -> Exception | None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"What?")
        writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        _, error = await take(stream_chat(REQUEST, url=f"https://127.0.0.1:{port}/v1", allow_local=True))
        await close_clients()
    return error


@pytest.mark.asyncio
async def test_a_server_that_does_not_speak_tls() -> None:
    assert type(await ask_over_tls(None)) is ServiceUnavailable


@pytest.mark.asyncio
async def test_a_certificate_nobody_vouches_for(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    error = await ask_over_tls(context)
    assert type(error) is WrongAddress
    assert "certificate" in error.sentence


@pytest.mark.asyncio
async def test_silence_before_the_answer(quick: None) -> None:
    async def handler(visit: Visit) -> None:
        await visit.gone.wait()

    async with serving(handler) as server:
        _, error = await take(asking(server))
        assert isinstance(error, TimedOut)
        with pytest.raises(TimedOut):
            await get_json(server.url, allow_local=True)


@pytest.mark.asyncio
async def test_silence_in_the_middle(quick: None) -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(HEAD)
        await visit.stream(chunk("a"))
        await visit.gone.wait()

    async with serving(handler) as server:
        events, error = await take(asking(server))
        await asyncio.wait_for(server.visits[0].gone.wait(), 5)
    assert text_of(events) == "a"
    assert isinstance(error, TimedOut)


@pytest.mark.parametrize("head", [HEAD, b"HTTP/1.1 200 OK\r\nX-Drip: "])
@pytest.mark.asyncio
async def test_one_byte_at_a_time(quick: None, head: bytes) -> None:
    """Never silent for long, never getting anywhere."""

    async def handler(visit: Visit) -> None:
        await visit.send(head)
        while not visit.gone.is_set():
            await (visit.stream(b"x") if head is HEAD else visit.send(b"x"))
            await asyncio.sleep(0.02)

    async with serving(handler) as server:
        _, error = await take(asking(server))
    assert isinstance(error, TimedOut)


@pytest.mark.asyncio
async def test_signs_of_life_are_no_silence(quick: None) -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(HEAD)
        for _ in range(8):
            await visit.stream(b": still thinking\n\n")
            await asyncio.sleep(0.1)
        await visit.stream(answer("a"))
        await visit.send(END)

    async with serving(handler) as server:
        events, error = await take(asking(server))
    assert error is None
    assert text_of(events) == "a"


@pytest.mark.asyncio
async def test_no_answer_lasts_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "TIMEOUTS", replace(QUICK, whole=0.2))

    async def handler(visit: Visit) -> None:
        await visit.send(HEAD)
        while not visit.gone.is_set():
            await visit.stream(chunk("a"))
            await asyncio.sleep(0.02)

    async with serving(handler) as server:
        _, error = await take(asking(server))
    assert isinstance(error, TimedOut)


@pytest.mark.asyncio
async def test_a_line_without_end() -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(HEAD)
        while not visit.gone.is_set():
            await visit.stream(b"data: " + b"x" * 100_000)

    async with serving(handler) as server:
        _, error = await take(asking(server))
        await asyncio.wait_for(server.visits[0].gone.wait(), 5)
    assert isinstance(error, StreamInterrupted)


@pytest.mark.asyncio
async def test_more_than_any_answer_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_STREAM", 500_000)

    async def handler(visit: Visit) -> None:
        await visit.send(HEAD)
        while not visit.gone.is_set():
            await visit.stream(b"\n" * 10_000)

    async with serving(handler) as server:
        _, error = await take(asking(server))
    assert isinstance(error, StreamInterrupted)


def packed(body: bytes, encoding: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.asyncio
async def test_a_gzip_bomb_does_not_go_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_STREAM", 3_000_000)
    unpacked: list[int] = []
    real = zlib.decompressobj

    class Counting:
        def __init__(self, **how: int) -> None:
            self.real = real(**how)

        def decompress(self, data: bytes, most: int) -> bytes:
            piece = self.real.decompress(data, most)
            unpacked.append(len(piece))
            return piece

        @property
        def unconsumed_tail(self) -> bytes:
            return self.real.unconsumed_tail

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    bomb = gzip.compress(b"\n" * 50_000_000)

    async def handler(visit: Visit) -> None:
        await visit.send(packed(bomb, "gzip"))

    async with serving(handler) as server:
        _, error = await take(asking(server))
    assert isinstance(error, StreamInterrupted)
    assert max(unpacked) <= answers.UNPACKED_AT_ONCE
    assert sum(unpacked) < 4_000_000


@pytest.mark.parametrize(
    ("encoding", "body", "outcome"),
    [
        ("gzip", gzip.compress(answer("a")), None),
        ("deflate", zlib.compress(answer("a")), None),
        ("identity", answer("a"), None),
        ("gzip", b"not packed at all", StreamInterrupted),
        ("br", b"\x0b\x02\x80", ServiceUnavailable),
    ],
)
@pytest.mark.asyncio
async def test_encodings_nobody_asked_for(encoding: str, body: bytes, outcome: type[ProviderError] | None) -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(packed(body, encoding))

    async with serving(handler) as server:
        events, error = await take(asking(server))
    assert type(error) is (outcome or type(None))
    assert text_of(events) == "a" * (outcome is None)


@pytest.mark.asyncio
async def test_an_error_that_has_no_end_is_cut_short(quick: None) -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not visit.gone.is_set():
            await visit.stream(b"x" * 10_000)

    async with serving(handler) as server:
        _, error = await take(asking(server))
    assert isinstance(error, RateLimitExceeded)
    assert error.retry_after == 7
    assert len(error.detail) <= 500


@pytest.mark.asyncio
async def test_an_error_whose_body_does_not_come(quick: None) -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 413 Too much\r\nContent-Length: 100\r\n\r\n")
        await visit.gone.wait()

    async with serving(handler) as server:
        _, error = await take(asking(server))
    assert isinstance(error, ContextTooLong)


# --- leaving


@asynccontextmanager
async def endless(first: bytes) -> AsyncIterator[Server]:
    async def handler(visit: Visit) -> None:
        await visit.send(first)
        await visit.gone.wait()

    async with serving(handler) as server:
        yield server


@pytest.mark.asyncio
async def test_closing_the_answer_closes_the_connection() -> None:
    body = chunk("a")
    async with endless(HEAD + f"{len(body):x}\r\n".encode() + body + b"\r\n") as server:
        async with aclosing(asking(server)) as events:
            await anext(events)
        await asyncio.wait_for(server.visits[0].gone.wait(), 5)


@pytest.mark.parametrize("first", [b"", HEAD, HEAD + b"5\r\n: hi\n\r\n"])
@pytest.mark.asyncio
async def test_cancelling_closes_the_connection(first: bytes) -> None:
    async with endless(first) as server:
        task = asyncio.create_task(take(asking(server)))
        await server.visited.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.visits[0].gone.wait(), 5)


# --- where we do not go


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.asyncio
async def test_redirects_are_named_and_not_followed(status: int) -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(
            f"HTTP/1.1 {status} Over there\r\nLocation: http://stranger.example/?k=key-of-mine\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )

    async with serving(handler) as server:
        _, error = await take(asking(server, Authorization="Bearer key-of-mine"))
        assert len(server.visits) == 1
    assert isinstance(error, WrongAddress)
    assert "http://stranger.example/?k=•••" in error.sentence


LOCAL = [
    "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", LOCAL)
def test_local_addresses_in_all_clothes(address: str) -> None:
    assert is_local(address)
    with pytest.raises(OSError, match="this computer"):
        from_guard(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert not is_local(address)
    from_guard(address).close()


def from_guard(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return pool.guarded_socket((family, socket.SOCK_STREAM, 0, "", (address, 443)))


SPELLINGS = [
    "http://127.0.0.1/v1", "http://127.1", "http://2130706433", "http://0x7f.1", "http://0177.0.0.1", "http://0/",
    "http://localhost:8000", "http://LOCALHOST", "http://a.localhost/", "http://[::1]:80/", "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::a9fe:a9fe]/", "http://169.254.169.254/latest/", "http://10.0.0.1:8080",
]  # fmt: skip


@pytest.mark.parametrize("url", SPELLINGS)
def test_local_urls_in_all_spellings(url: str) -> None:
    with pytest.raises(WrongAddress):
        checked_url(url)


@pytest.mark.parametrize(
    "url",
    ["", "ftp://a.example/", "file:///etc/passwd", "//a.example", "a.example/v1", "http://", "https:///v1",
     "http://me:secret@a.example/", "http://me@a.example/", "http://a.example:99999999/", "http://a\r\nb.example/",
     "http://[::1", "http://a.example/\0"],
)  # fmt: skip
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(WrongAddress) as caught:
        checked_url(url, allow_local=True)
    assert "secret" not in str(caught.value)


@pytest.mark.asyncio
async def test_a_name_that_leads_home_is_refused_at_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler(visit: Visit) -> None:
        raise AssertionError

    async with serving(handler) as server:

        async def rebound(*_: Any, **__: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))] * 2

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebound)
        url = f"http://innocent.example:{server.port}/v1"
        _, error = await take(stream_chat(REQUEST, url=url))
        with pytest.raises(WrongAddress):
            await get_json(url)
    assert type(error) is WrongAddress
    assert "this computer" in error.sentence
    assert server.connections == 0


@pytest.mark.asyncio
async def test_local_is_reached_where_it_is_allowed() -> None:
    async def handler(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    async with serving(handler) as server:
        assert await get_json(server.url, allow_local=True) == []
        with pytest.raises(WrongAddress):
            await get_json(server.url)


@pytest.mark.parametrize(("name", "value"), [("X-A", "a\r\nX-B: b"), ("X-A", "ä"), ("X\n", "a"), ("X-A", "\0")])
@pytest.mark.asyncio
async def test_headers_that_cannot_be_sent(name: str, value: str) -> None:
    stream = open_stream("https://ai.example.org/", body={}, headers={name: value})
    with pytest.raises(RequestRejected):
        await stream.__aenter__()


@pytest.mark.asyncio
async def test_a_request_that_is_no_json() -> None:
    with pytest.raises(RequestRejected):
        await open_stream("https://ai.example.org/", body={"a": "\ud800"}).__aenter__()


# --- one client a loop


@pytest.mark.asyncio
async def test_one_client_for_each_guard_and_loop() -> None:
    assert client(local=True) is client(local=True)
    assert client(local=True) is not client(local=False)
    first = client(local=True)
    assert await asyncio.to_thread(asyncio.run, of_another_loop()) is not first
    await close_clients()
    assert first.is_closed
    assert client(local=True) is not first


async def of_another_loop() -> httpx.AsyncClient:
    return client(local=True)


@pytest.mark.asyncio
async def test_cookies_are_not_kept() -> None:
    with respx.mock(using="httpx") as router:
        route = router.get("https://ai.example.org/v1/models").respond(json=[], headers={"Set-Cookie": "a=b; Path=/"})
        await get_json("https://ai.example.org/v1/models")
        await get_json("https://ai.example.org/v1/models")
    assert "cookie" not in route.calls.last.request.headers


@pytest.mark.asyncio
async def test_a_small_question_answered_with_no_json() -> None:
    with respx.mock(using="httpx") as router:
        router.get("https://ai.example.org/").respond(text="Hello")
        with pytest.raises(ServiceUnavailable):
            await get_json("https://ai.example.org/")


# --- hints and keys


def test_retry_after_in_all_its_forms() -> None:
    def wait(**headers: str) -> float | None:
        return retry_after(httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}))

    assert wait(retry_after="20") == 20
    assert wait(retry_after="0.5") == 0.5
    assert wait(retry_after_ms="1500", retry_after="9") == 1.5
    assert wait(retry_after_ms="soon", retry_after="9") == 9
    soon = wait(retry_after=formatdate(time.time() + 60, usegmt=True))
    assert soon is not None
    assert 50 < soon <= 60
    assert wait(retry_after=format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)) == 0
    assert wait(retry_after="3600") == 3600
    assert wait(retry_after="1e300") == 86_400
    for absurd in ("-5", "nan", "inf", "soon", "", "Mon, 99 Foo 2026"):
        assert wait(retry_after=absurd) is None
    assert wait() is None


def test_keys_are_taken_out_of_texts() -> None:
    secrets = secrets_of({"Authorization": "Bearer abcdef-my-key", "X-Short": "ab", "api-key": "other/key+1"})
    said = "Bearer abcdef-my-key and other/key+1 and abcdef-my-key in ab"
    assert redacted(said, secrets) == "••• and ••• and ••• in ab"
    assert redacted("AIzaSyA1234567890abcdefghijk gsk_abcdefghijklmnop") == "••• •••"
    assert redacted("a sk-etch of a key-note") == "a sk-etch of a key-note"
