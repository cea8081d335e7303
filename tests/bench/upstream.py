"""A chat service whose every token is the moment it was sent. Run as `python -m tests.bench.upstream PORT`."""

import asyncio
import json
import re
import sys
import time

RATE = 50
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"


def chunk(data: str) -> bytes:
    body = f"data: {data}\n\n".encode()
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


def delta(text: str | None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return chunk(json.dumps({"id": "bench", "object": "chat.completion.chunk", "model": "bench", "choices": [choice]}))


async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
    body = await reader.readexactly(int(length[1])) if length else b"{}"
    tokens = int(re.search(r"tokens-(\d+)", json.loads(body).get("model", "tokens-200"))[1])  # type: ignore[index]
    writer.write(HEAD)
    loop = asyncio.get_running_loop()
    start = loop.time()
    try:
        for number in range(tokens):
            await asyncio.sleep(start + number / RATE - loop.time())
            writer.write(delta(f"{time.time():.6f} "))
            await writer.drain()
        writer.write(delta(None, "stop") + chunk("[DONE]") + b"0\r\n\r\n")
        await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(serve_one, "127.0.0.1", port, backlog=1_000)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
