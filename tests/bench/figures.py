"""Figures of a process and of samples."""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

STAMP = re.compile(r"\d{10}\.\d{6}")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


class Lags:
    """Token lag: from the moment in the token to the moment it is seen, each token once."""

    def __init__(self) -> None:
        self.milliseconds: list[float] = []
        self._newest = 0.0

    def see(self, text: str) -> None:
        now = time.time()
        for stamp in STAMP.findall(text):
            sent = float(stamp)
            if sent > self._newest:
                self._newest = sent
                self.milliseconds.append((now - sent) * 1_000)
