"""CPU and memory of running parts, read from /proc."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and its descendants (PostgreSQL serves each connection by a child)."""
    found = [pid]
    for each in found:
        tasks = Path(f"/proc/{each}/task")
        try:
            for task in tasks.iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, its children that ended, and its descendants that live."""
    total = 0
    for each in family(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / _TICKS


def pss_mib(pid: int) -> float:
    """Proportional set size of a process and its descendants."""
    total = 0
    for each in family(pid):
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return total / 1024


class Sampler:
    """Watches memory in the background; `peaks` holds each part's own peak, `peak_mib` that of all together."""

    def __init__(self, pids: Mapping[str, int], *, every_s: float = 0.1) -> None:
        self._pids = dict(pids)
        self._every_s = every_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.peaks = dict.fromkeys(pids, 0.0)
        self.peak_mib = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(self._every_s):
            now = {name: pss_mib(pid) for name, pid in self._pids.items()}
            self.peaks = {name: max(self.peaks[name], value) for name, value in now.items()}
            self.peak_mib = max(self.peak_mib, sum(now.values()))


class CpuMeter:
    """CPU seconds that parts used since the meter was made."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._before = {name: cpu_s(pid) for name, pid in pids.items()}

    def used(self) -> dict[str, float]:
        """CPU seconds by part."""
        return {name: cpu_s(pid) - self._before[name] for name, pid in self._pids.items()}


def told(used: Mapping[str, float], count: int) -> str:
    """CPU microseconds for each object, part by part."""
    return ", ".join(f"{name} {seconds / count * 1e6:.0f} µs" for name, seconds in used.items())


def percentile(values: Sequence[float], share: float) -> float:
    """A percentile by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]
