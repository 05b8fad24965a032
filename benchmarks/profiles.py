"""Where each service spends its CPU time: samples of the thread that holds the interpreter, told by function.

Time in libraries that let the interpreter go (gRPC's core, TLS, sockets) does not show here, but in the CPU figures.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

RATE_HZ = 250
TOP = 12
_SPY = Path(sys.executable).with_name("py-spy")


@contextlib.contextmanager
def profiled(pids: Mapping[str, int], directory: Path) -> Iterator[dict[str, str]]:
    """Sample processes while the context lasts; afterwards the result holds a text for each of them."""
    directory.mkdir(parents=True, exist_ok=True)
    told: dict[str, str] = {}
    samplers = {
        name: subprocess.Popen(
            [_SPY, "record", "--pid", str(pid), "--rate", str(RATE_HZ), "--format", "raw", "--function", "--gil",
             "--duration", "600", "--output", directory / f"{name}.raw"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for name, pid in pids.items()
    }  # fmt: skip
    try:
        yield told
    finally:
        for name, sampler in samplers.items():
            sampler.send_signal(2)
            sampler.wait(timeout=60)
            told[name] = tell((directory / f"{name}.raw").read_text())


def tell(raw: str) -> str:
    """The functions with the largest share of samples, by themselves and with what they call."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    total = sum(own.values()) or 1
    lines = [f"{total} samples at {RATE_HZ} Hz", "", "| own | with callees | function |", "|---:|---:|---|"]
    lines += [f"| {count / total:.0%} | {whole[name] / total:.0%} | `{name}` |" for name, count in own.most_common(TOP)]
    return "\n".join(lines)
