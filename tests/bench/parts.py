"""Parts by themselves: rendering, checkpoints, the start."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.figures import percentile
from tests.serving import ROOT, Site

PROSE = "A plain paragraph with *some* emphasis, a [link](https://example.org) and `code`, long enough to wrap.\n\n"
CODE = "```python\ndef double(number: int) -> int:\n    return number * 2\n```\n\n"
TABLE = "| one | two |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n"
LIST = "- first point\n- second point\n  - a point below it\n\n"
REPLY = ((PROSE * 3 + CODE + LIST + TABLE) * 60)[:20_000]

CHECKPOINTS = """
import time, json
from conversations.actions.checkpoint import Snapshot, store_snapshots
from conversations.models import Clock, Conversation, Message, Participant, Version
room = Conversation.objects.create(); Clock.objects.create(conversation=room)
author = Participant.objects.create(conversation=room, kind="ai", name="Bench", name_key="bench")
ids = []
for number in range(1, 101):
    message = Message.objects.create(conversation=room, sequence=number, author=author)
    ids.append(Version.objects.create(message=message, state="streaming").pk)
times = []
for _ in range(60):
    snapshots = [Snapshot(pk, "x" * 4_000, 0) for pk in ids]
    start = time.perf_counter(); store_snapshots(snapshots); times.append((time.perf_counter() - start) * 1_000)
print(json.dumps(times))
"""


def rendering() -> str:
    from conversations.markdown import LiveMarkdown, render

    live, size = LiveMarkdown(), len(REPLY) // 500
    start = time.process_time()
    for end in range(size, len(REPLY) + 1, size):
        live.feed(REPLY[:end])
        live.tail()
    streamed = time.process_time() - start
    start = time.process_time()
    render(REPLY)
    whole = time.process_time() - start
    return f"A 20 kB reply in 500 chunks: {streamed:.2f} s CPU; rendered once, whole: {whole:.3f} s"


def checkpoints() -> str:
    import json

    with tempfile.TemporaryDirectory() as folder:
        prepared = Site(Path(folder) / "var")
        prepared.folder.mkdir()
        manage = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(manage, cwd=ROOT, env=prepared.env, check=True)
        times = json.loads(prepared.manage(CHECKPOINTS))
    p50, p95 = percentile(times, 0.5), percentile(times, 0.95)
    return f"A checkpoint of 100 replies of 4 kB (SQLite): p50 {p50:.1f} ms, p95 {p95:.1f} ms"


def starts() -> str:
    with tempfile.TemporaryDirectory() as folder:
        running, seconds = Site(Path(folder) / "var"), []
        for _ in range(2):
            begin = time.monotonic()
            running.start()
            seconds.append(time.monotonic() - begin)
            running.stop()
    return (
        f"From command to first answer: first start {seconds[0]:.1f} s (makes the database), second {seconds[1]:.1f} s"
    )


def machine() -> str:
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}"
