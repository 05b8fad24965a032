"""The figures, their targets, and how a result is written down and compared."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
LATEST = RESULTS / "latest.json"


@dataclass(frozen=True)
class Target:
    """What a figure has to reach; smaller is better unless said."""

    name: str
    unit: str
    value: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Whether a measured value reaches the target."""
        return value >= self.value if self.at_least else value <= self.value


TARGETS = {
    "F1 p50": Target("API server's answer to a write → row committed, idle, p50", "ms", 8),
    "F1 p99": Target("the same, p99", "ms", 25),
    "F3": Target("first sync of 50,000 objects from a real kube-apiserver on the same cores", "s", 12),
    "F4": Target("peak memory (PSS) for it: one-process agent + gateway", "MiB", 400),
    "F5": Target("resting memory (PSS) after it: one-process agent + gateway", "MiB", 300),
    "F6": Target("agent restart with 100 changes among 50,000: all visible", "s", 3),
    "F6 relist": Target("the same when the server forgot the version", "s", 6),
    "F7": Target("CPU per update: all our processes, nats-server and PostgreSQL", "ms", 0.30),
    "F8": Target("CPU per object of a first sync: the same processes", "ms", 0.25),
    "F9": Target("database bytes per row", "KB", 1.5),
    "F14": Target("apply as an operation, less the API server's own time, p50", "ms", 50),
    "F10": Target("sustained events per second through one agent", "1/s", 6000, at_least=True),
    "F18": Target("facade LIST of 10,000 pods out of 100,000 rows, p50", "s", 0.6),
    "F18 row": Target("GET of one row through REST, p50", "ms", 3),
}


@dataclass(frozen=True)
class Figure:
    """One measured value; figures without a target are published beside the others."""

    id: str
    name: str
    value: float
    unit: str
    target: float | None
    met: bool | None
    detail: str = ""


def figure(id_: str, value: float, detail: str = "") -> Figure:
    """Make a figure that has a target."""
    target = TARGETS[id_]
    return Figure(id_, target.name, round(value, 3), target.unit, target.value, target.met(value), detail)


def beside(id_: str, name: str, value: float, unit: str, detail: str = "") -> Figure:
    """Make a figure that is published without a target."""
    return Figure(id_, name, round(value, 3), unit, None, None, detail)


def environment() -> dict[str, str | float]:
    """Where the figures were measured."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "",
    )
    memory = next(
        line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "cpu": cpu,
        "cores": os.cpu_count() or 0, "memory_mib": int(memory) // 1024, "python": platform.python_version(),
        "kernel": platform.release(), "load_before": round(os.getloadavg()[0], 2),
    }  # fmt: skip


def write(figures: Sequence[Figure], conditions: dict[str, str | float]) -> Path:
    """Write the result beside the dated ones before it; figures that were not measured now are kept from the last run."""
    measured = {each.id for each in figures}
    kept = [each for each in _before() if each["id"] not in measured]
    document = {"environment": conditions, "figures": [asdict(each) for each in figures] + kept}
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    dated = RESULTS / f"{str(conditions['measured'])[:19].replace(':', '')}.json"
    RESULTS.mkdir(exist_ok=True)
    dated.write_text(text)
    LATEST.write_text(text)
    return dated


def show(figures: Sequence[Figure], before: dict[str, float]) -> None:
    """Print the figures beside their targets and the last run."""
    table = Table("figure", "what", "value", "target", "before", "")
    for each in figures:
        last = before.get(each.id)
        verdict = "" if each.met is None else "[green]met[/]" if each.met else "[red]missed[/]"
        table.add_row(
            each.id, each.name + (f"\n[dim]{each.detail}[/]" if each.detail else ""), f"{each.value:g} {each.unit}",
            "" if each.target is None else f"{each.target:g}", "" if last is None else f"{last:g}", verdict,
        )  # fmt: skip
    Console(width=160).print(table)


def last_values() -> dict[str, float]:
    """The values of the last run."""
    return {str(each["id"]): float(each["value"]) for each in _before()}


def _before() -> list[dict[str, Any]]:
    return list(json.loads(LATEST.read_text())["figures"]) if LATEST.exists() else []
