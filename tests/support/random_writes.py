"""Writes to a cluster that never rest, and what is known for certain about the objects they touch."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import httpx
from tests.support import workloads
from tests.support.kubernetes_api import ApiRefusal, JsonObject, KubernetesApi
from tests.support.workloads import PLACES

KINDS = ("Service", "NetworkPolicy", "Ingress", "CronJob")
"""Kinds that no controller touches."""
NAMES = tuple(f"object-{number}" for number in range(6))
_JOIN_S = 30.0


class Subject(NamedTuple):
    """One incarnation of an object: its UID tells it from another of the same name."""

    kind: str
    name: str
    uid: str


@dataclass
class Ledger:
    """What exists for certain, and what is gone for certain."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _alive: set[Subject] = field(default_factory=set)
    _gone: set[Subject] = field(default_factory=set)

    def exists(self, subject: Subject) -> None:
        """The API server has confirmed it, and nobody is deleting it."""
        with self._lock:
            self._alive.add(subject)

    def in_doubt(self, kind: str, name: str) -> None:
        """It is about to be deleted, or an answer was lost."""
        with self._lock:
            self._alive = {each for each in self._alive if (each.kind, each.name) != (kind, name)}

    def gone(self, subject: Subject) -> None:
        """The API server has confirmed that it is gone."""
        with self._lock:
            self._gone.add(subject)

    def known(self) -> tuple[set[Subject], set[Subject]]:
        """What exists for certain right now, and what is gone."""
        with self._lock:
            return set(self._alive), set(self._gone)


class RandomWrites:
    """Creates, changes, deletes and creates again, in a thread, until it is stopped."""

    def __init__(self, api: KubernetesApi, namespace: str, *, pause_s: float, seed: int) -> None:
        self.ledger = Ledger()
        self.written = 0
        self._api = api
        self._namespace = namespace
        self._pause_s = pause_s
        self._random = random.Random(seed)  # noqa: S311 - writes, not keys
        self._uids: dict[tuple[str, str], str] = {}
        self._stopped = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="random-writes", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(_JOIN_S)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """No write is under way while the context lasts."""
        with self._writing:
            yield

    def _run(self) -> None:
        while not self._stopped.wait(self._pause_s):
            kind, name = self._random.choice(KINDS), self._random.choice(NAMES)
            with self._writing:
                try:
                    self._write(kind, name)
                    self.written += 1
                except (httpx.TransportError, ApiRefusal):
                    self._lose_track(kind, name)

    def _write(self, kind: str, name: str) -> None:
        place, key = PLACES[kind], (kind, name)
        if key not in self._uids:
            self._track(kind, self._api.create(place, workloads.manifest(kind, name, self._namespace)))
        elif self._random.random() < 0.3:
            self.ledger.in_doubt(kind, name)
            self._api.delete(place, self._namespace, name)
            self.ledger.gone(Subject(kind, name, self._uids.pop(key)))
        else:
            change: JsonObject = {"metadata": {"annotations": {"count": str(self.written)}}}
            self._api.merge(place, self._namespace, name, change)

    def _lose_track(self, kind: str, name: str) -> None:
        """An answer was lost: ask the API server what is true."""
        self.ledger.in_doubt(kind, name)
        while not self._stopped.wait(self._pause_s):
            try:
                found = self._api.get(PLACES[kind], self._namespace, name)
            except (httpx.TransportError, ApiRefusal):
                continue
            self._uids.pop((kind, name), None)
            if found is not None:
                self._track(kind, found)
            return

    def _track(self, kind: str, found: JsonObject) -> None:
        metadata = found["metadata"]
        self._uids[kind, metadata["name"]] = metadata["uid"]
        self.ledger.exists(Subject(kind, metadata["name"], metadata["uid"]))
