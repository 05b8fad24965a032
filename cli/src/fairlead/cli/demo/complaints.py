"""The lines of the services' logs that matter after a failure: warnings and errors, in the order of their times."""

from __future__ import annotations

import json
from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path

LINES = 15
_TAIL_BYTES = 256 * 1024
_LEVELS = ("warning", "error", "critical")
_WIDTH = 300


def complaints(logs: Iterable[Path]) -> list[str]:
    """The latest warnings and errors of JSON logs; of lines that are no JSON (a crash) as they are."""
    found: list[tuple[str, str]] = []
    for log in logs:
        latest = ""
        for line in _tail(log):
            entry = _entry(line)
            if entry is None:
                found.append((latest, f"{log.stem}: {line}"))
                continue
            latest = str(entry.get("timestamp", latest))
            if entry.get("level") in _LEVELS:
                found.append((latest, _told(log.stem, entry)))
    return [text[:_WIDTH] for _, text in sorted(found, key=itemgetter(0))[-LINES:]]


def _entry(line: str) -> dict[str, object] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _told(service: str, entry: dict[str, object]) -> str:
    known = ("timestamp", "level", "event", "service")
    rest = " ".join(f"{key}={value}" for key, value in entry.items() if key not in known)
    return (
        f"{str(entry.get('timestamp', ''))[11:23]} {service} {entry['level']}: {entry.get('event', '')} {rest}".strip()
    )


def _tail(log: Path) -> list[str]:
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
