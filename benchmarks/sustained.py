"""F10: how many events a second go through one agent, end to end, without loss and without growing lag."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from benchmarks.figures import Figure, figure
from benchmarks.processes import CpuMeter, told
from benchmarks.rig import Rig, rig

from fairlead.cli.parts.ports import free_port
from fairlead.cli.parts.processes import Process

OBJECTS = 20_000
SECONDS = 12.0
RATES = (4000, 5000, 6000, 7000, 8000, 9000, 10000)
LAG_MAX_S = 1.0
COALESCED = "fairlead_watcher_coalesced_total"


def measure(directory: Path) -> Iterator[Figure]:
    """Raise the pace until lag grows or states are skipped."""
    port = free_port()
    root = Path(__file__).resolve().parent.parent
    directory.mkdir(parents=True, exist_ok=True)
    source = Process(
        "source",
        [sys.executable, "-m", "benchmarks.watch_source", str(port), str(OBJECTS)],
        log=directory / "source.log",
        cwd=root,
    )
    source.start(lambda: _answers(port), timeout_s=30)
    try:
        with rig(directory / "stack", _kubeconfig(directory, port), ["Pod"], one_process=True) as bench:
            bench.start_agent(wait=True)
            bench.wait(lambda: bench.one("select count(*) from resources where state = 'live'") == 1, timeout_s=30)
            best, detail = 0.0, "not even the lowest pace"
            for rate in RATES:
                kept_up, told_ = _play(bench, port, rate)
                print(f"  {rate}/s: {told_}")
                if not kept_up:
                    break
                best, detail = float(rate), told_
            yield figure("F10", best, detail)
    finally:
        source.stop()


def _play(bench: Rig, port: int, rate: int) -> tuple[bool, str]:
    meter = CpuMeter(bench.pids())
    skipped = _coalesced(bench)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/play?rate={rate}&seconds={SECONDS}", method="POST")
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own server on loopback
        played: dict[str, Any] = json.load(answer)
    query = "select 1 from objects where name = %s and version >= %s"
    lag = bench.wait(lambda: bench.one(query, played["name"], played["version"]) == 1, timeout_s=120)
    reached = played["sent"] / played["seconds"]
    skipped = _coalesced(bench) - skipped
    told_ = f"lag at the end {lag * 1000:.0f} ms, {reached:.0f}/s sent, {skipped:.0f} coalesced, {told(meter.used(), played['sent'])}"
    return lag <= LAG_MAX_S and reached >= 0.98 * rate and skipped < 0.01 * played["sent"], told_


def _coalesced(bench: Rig) -> float:
    """States that were replaced before they were sent, as the agent counts them."""
    with urllib.request.urlopen(bench.stack.instances["agent"].metrics_url) as answer:  # noqa: S310 - as above
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(COALESCED))


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/version", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _kubeconfig(directory: Path, port: int) -> Path:
    path = directory / "source.yaml"
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "source",
        "clusters": [{"name": "source", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "source", "user": {"token": "none"}}],
        "contexts": [{"name": "source", "context": {"cluster": "source", "user": "source"}}],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(document))
    return path
