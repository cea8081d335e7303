"""A tiny server on the loopback interface that answers as badly as a test wants."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from providers.http import close_clients

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


@dataclass
class Visit:
    """One request as it came in, and the way to answer it."""

    head: str
    body: bytes
    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def stream(self, *chunks: bytes) -> None:
        """Chunks of the chunked encoding."""
        for chunk in chunks:
            await self.send(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")


@dataclass
class Server:
    port: int = 0
    visits: list[Visit] = field(default_factory=list)
    connections: int = 0
    visited: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/chat/completions"


type Handler = Callable[[Visit], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Server]:
    """`handler` answers each request; when it returns the connection is kept for the next. Closes our clients."""
    server = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        server.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            async for visit in visits(reader, writer):
                server.visits.append(visit)
                server.visited.set()
                await answered(handler, visit, reader)
        writer.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        await close_clients()
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def visits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncGenerator[Visit]:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:")), 0)
        yield Visit(head, await reader.readexactly(length), writer)


async def answered(handler: Handler, visit: Visit, reader: asyncio.StreamReader) -> None:
    """Run the handler; `gone` is set when the client closes meanwhile."""

    async def watch() -> None:
        with suppress(ConnectionError):
            while not reader.at_eof():  # noqa: ASYNC110 - a stream tells its end in no other way
                await asyncio.sleep(0.01)
        visit.gone.set()

    watcher = asyncio.create_task(watch())
    try:
        await handler(visit)
    except ConnectionError:
        visit.gone.set()
        raise
    finally:
        watcher.cancel()
