"""Many rooms that stream at once, each with a viewer; and the same streams read by a bare httpx client."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import websockets
from httpx_aiohttp import AiohttpTransport

from tests.bench.figures import Lags, cpu_seconds, percentile, resident_mb
from tests.serving import ROOT, Site, Visitor, free_port, site

TOKENS = 400
STARTS_PER_SECOND = 10

SET_UP = """
from django.conf import settings
from chimera_site.models import User
from conversations.actions.conversations import Casting, create_conversation
from conversations.models import Persona
from providers.models import AIModel, ProviderConfig
provider = ProviderConfig.objects.create(
    kind="openai_compatible", label="Bench", base_url="http://127.0.0.1:{port}/v1", allow_local=True, concurrency=500)
model = AIModel.objects.create(
    provider=provider, model_id="tokens-{tokens}", context=100_000, max_output=4_000, input_price=0, output_price=0)
ada = User.objects.get(email_key="ada@example.org")
persona = Persona.objects.filter(owner=None).order_by("pk").first()
for _ in range({rooms}):
    print(create_conversation(owner=ada, cast=[Casting(persona, model)], title="Bench").key)
"""


@dataclass
class Run:
    """What one run of `streams` rooms showed."""

    streams: int
    lags: list[float] = field(default_factory=list)
    first_text: list[float] = field(default_factory=list)
    cpu: float = 0.0
    tokens: int = 0
    complete: int = 0
    resident: float = 0.0
    troubles: list[str] = field(default_factory=list)

    def row(self, name: str) -> str:
        cells = [
            f"{name:<14}{self.streams:>8}",
            f"{percentile(self.lags, 0.5):>9.0f}{percentile(self.lags, 0.95):>9.0f}{percentile(self.lags, 0.99):>9.0f}",
            f"{percentile(self.first_text, 0.5):>10.0f}{percentile(self.first_text, 0.95):>10.0f}",
            f"{self.cpu / max(self.tokens, 1) * 1_000:>10.3f}{self.resident:>9.0f}{self.complete:>7}/{self.streams}",
        ]
        return "\n".join(["".join(cells), *self.troubles])


HEADER = (
    f"{'':<14}{'streams':>8}{'lag p50':>9}{'p95':>9}{'p99':>9}{'first p50':>10}{'p95':>10}"
    f"{'CPU/1k':>10}{'RSS MB':>9}{'whole':>9}"
)


async def watch(ada: Visitor, key: str, delay: float, run: Run) -> None:
    """One viewer of one room: connects, posts, and reads to the end of the reply."""
    await asyncio.sleep(delay)
    address = f"ws://127.0.0.1:{ada.site.port}/ws/c/{key}/"
    lags = Lags()
    async with websockets.connect(
        address, origin=ada.site.url, additional_headers={"Cookie": ada.cookie_header}, max_size=None
    ) as socket:
        await socket.send(json.dumps({"hello": {"revision": 0, "first": 1, "last": "end"}}))
        await asyncio.to_thread(ada.send, f"/c/{key}/messages/", {"text": "Go"})
        asked = time.time()
        async with asyncio.timeout(120):
            async for frame in socket:
                if seen(json.loads(frame), lags, run, asked):
                    run.complete += 1
                    break
    run.lags += lags.milliseconds


def seen(frame: dict[str, object], lags: Lags, run: Run, asked: float) -> bool:
    before = len(lags.milliseconds)
    reply = frame.get("reply")
    text = reply["closed"] + reply["tail"] if isinstance(reply, dict) else str(frame.get("html", ""))
    lags.see(text)
    if not before and lags.milliseconds:
        run.first_text.append((time.time() - asked) * 1_000)
    return 'data-state="complete"' in text and len(lags.milliseconds) >= TOKENS


async def through_chimera(running: Site, ada: Visitor, keys: list[str]) -> Run:
    run = Run(len(keys), tokens=TOKENS * len(keys))
    assert running.process is not None
    before = cpu_seconds(running.process.pid)
    watchers = [watch(ada, key, number / STARTS_PER_SECOND, run) for number, key in enumerate(keys)]
    outcomes = await asyncio.gather(*watchers, return_exceptions=True)
    run.troubles = [repr(outcome) for outcome in outcomes if outcome is not None]
    run.cpu = cpu_seconds(running.process.pid) - before
    run.resident = resident_mb(running.process.pid)
    return run


async def bare(port: int, streams: int) -> Run:
    """The limit: httpx reads the same streams and does nothing else."""
    run = Run(streams, tokens=TOKENS * streams)
    before = time.process_time()
    async with httpx.AsyncClient(transport=AiohttpTransport(), timeout=60) as client:

        async def read(delay: float) -> None:
            await asyncio.sleep(delay)
            lags = Lags()
            asked = time.time()
            body = {"model": f"tokens-{TOKENS}", "messages": [], "stream": True}
            async with client.stream("POST", f"http://127.0.0.1:{port}/v1/chat/completions", json=body) as answer:
                async for line in answer.aiter_lines():
                    if not line.startswith("data: {"):
                        continue
                    lags.see(str(json.loads(line[6:])["choices"][0]["delta"].get("content")))
                    if len(lags.milliseconds) == 1:
                        run.first_text.append((time.time() - asked) * 1_000)
            run.lags.extend(lags.milliseconds)
            run.complete += 1

        await asyncio.gather(*(read(number / STARTS_PER_SECOND) for number in range(streams)))
    run.cpu = time.process_time() - before
    return run


def measure(sizes: list[int]) -> list[str]:
    lines = [
        f"Streams of 50 tokens/s, {TOKENS} tokens each, a viewer each, {STARTS_PER_SECOND} starts/s; times in ms",
        HEADER,
    ]
    port = free_port()
    upstream = subprocess.Popen([sys.executable, "-m", "tests.bench.upstream", str(port)], cwd=ROOT)
    try:
        with tempfile.TemporaryDirectory() as folder, site(Path(folder) / "var") as running:
            ada = Visitor(running)
            ada.found_site()
            keys = running.manage(SET_UP.format(port=port, tokens=TOKENS, rooms=sum(sizes))).split()
            for size in sizes:
                lines.append(asyncio.run(bare(port, size)).row("bare httpx"))
                mine, keys = keys[:size], keys[size:]
                lines.append(asyncio.run(through_chimera(running, ada, mine)).row("Chimera"))
    finally:
        upstream.terminate()
    return lines
