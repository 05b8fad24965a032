"""The API server's audit log from a place on: what reached it, and how often a write took effect."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

WRITES = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}
"""Verbs of the log that change something, and the methods that ask for them."""


@dataclass(frozen=True)
class Asked:
    """A request that the API server answered."""

    id: str
    verb: str
    path: str
    code: int
    user: str
    agent: str
    namespace: str

    @property
    def took_effect(self) -> bool:
        """Whether it is a write that succeeded."""
        return self.verb in WRITES and 200 <= self.code < 300


class AuditTail:
    """Reads on from where it was; an event is in the log before its answer is sent."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._place = log.stat().st_size

    def read(self, chosen: Callable[[Asked], bool] = lambda _: True) -> list[Asked]:
        """What was answered since the last call."""
        with self._log.open("rb") as log:
            log.seek(self._place)
            lines = log.read().split(b"\n")
        self._place += sum(len(line) + 1 for line in lines[:-1])
        asked = [_asked(json.loads(line)) for line in lines[:-1] if b'"stage":"ResponseComplete"' in line]
        return [each for each in asked if chosen(each)]


def effects(asked: list[Asked]) -> Counter[str]:
    """How often each operation took effect: ids without the number of the attempt."""
    return Counter(each.id.rpartition(".")[0] for each in asked if each.took_effect)


def _asked(event: dict[str, Any]) -> Asked:
    return Asked(
        id=event["auditID"],
        verb=event["verb"],
        path=urlsplit(event["requestURI"]).path,
        code=event["responseStatus"]["code"],
        user=event["user"].get("username", ""),
        agent=event.get("userAgent", ""),
        namespace=event.get("objectRef", {}).get("namespace", ""),
    )
