"""The child process: `python -m providers.practice.child FOLDER`. The site starts it by itself."""

import argparse
import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Any

from providers.practice import weights
from providers.practice.locks import PAUSE, FileLock
from providers.practice.model import REPLIES_AT_ONCE

CONTEXT_TOKENS = 4096  # shared by the replies given at once
PATIENCE = 10  # seconds to wait for a former child to be gone


def keep(folder: Path, beat: float) -> None:
    """Serve the model until nobody uses it any more."""
    child, users = FileLock(folder / "child"), FileLock(folder / "users")
    _take_soon(child)
    child.write(json.dumps({"pid": os.getpid()}))
    key = secrets.token_urlsafe(32)
    server = _serve(_weights(), key)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    child.write(json.dumps({"base_url": f"{server.listening_address}/v1", "api_key": key, "pid": os.getpid()}))
    try:
        while not (users.take() or child.lost()):
            time.sleep(beat)
    finally:
        signal.alarm(5)  # whatever the server still does
        del server


def _take_soon(lock: FileLock) -> None:
    """A former child may need a moment to go, and somebody may just be looking whether the lock is free."""
    deadline = time.monotonic() + PATIENCE
    while not lock.take():
        if time.monotonic() > deadline:
            sys.exit("Another child serves this folder.")
        time.sleep(PAUSE)


def _weights() -> Path:
    path = weights.installed()
    if path is None:
        sys.exit("The weights are not installed.")
    if not weights.are_pinned(path):
        sys.exit("The weights are not the ones this version was tried with; install them again.")
    return path


def _serve(path: Path, key: str) -> Any:
    """A running llama.cpp server on a free port of the loopback interface."""
    import xllamacpp  # native code: it belongs into the child alone

    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.model_alias = {weights.MODEL_ID}
    settings.n_ctx = CONTEXT_TOKENS
    settings.n_parallel = REPLIES_AT_ONCE
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = _threads()
    settings.n_threads_http = 32  # each open stream keeps one, and several processes may stream: /health needs another
    settings.cache_ram_mib = 64
    settings.port = 0
    settings.api_keys = [key]
    settings.cors_origins = ""
    settings.ui = False
    settings.offline = True
    settings.verbosity = 1  # errors: the log must neither grow nor tell what was said
    return xllamacpp.Server(settings)


def _threads() -> int:
    """All cores that we may use but one: that is the site's."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, cores - 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve the practice model until nobody uses it.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--beat", type=float, default=5.0, help="seconds between two looks whether it is still used")
    arguments = parser.parse_args()
    keep(arguments.folder, arguments.beat)
