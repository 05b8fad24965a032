"""A caching agent of Clouddriver that never rests, and what it would take for an eviction."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.clouddriver import CACHED_KINDS, Clouddriver, KubectlFailed

_JOIN_S = 60.0


@dataclass
class CachingAgent:
    """A Clouddriver that lists without a rest; what it would take for an eviction is kept."""

    clouddriver: Clouddriver
    namespace: str
    wanted: set[tuple[str, str]]
    evictions: list[str] = field(default_factory=list)
    whole: int = 0
    complaints: list[str] = field(default_factory=list)

    def cycle(self) -> None:
        """List namespaces and the ten kinds, as a caching agent does."""
        try:
            found = {each["metadata"]["name"] for each in self.clouddriver.list_kinds(["namespace"])}
            listed = self.clouddriver.list_kinds(CACHED_KINDS, self.namespace)
        except KubectlFailed as failure:
            self.complaints.append(str(failure).strip())
            return
        self.whole += 1
        missing = self.wanted - {(each["kind"], each["metadata"]["name"]) for each in listed}
        if missing or self.namespace not in found:
            self.evictions.append(f"namespace listed: {self.namespace in found}; missing: {sorted(missing)}")


@contextmanager
def caching(clouddriver: Clouddriver, namespace: str, wanted: set[tuple[str, str]]) -> Iterator[CachingAgent]:
    """A caching agent at work for as long as the context lasts; it never saw anything missing.

    Args:
        clouddriver: of its own.
        namespace: what it caches.
        wanted: kinds and names of the objects that are there all the time.

    """
    agent = CachingAgent(clouddriver, namespace, wanted)
    agent.cycle()
    assert agent.whole == 1, agent.complaints
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            agent.cycle()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield agent
    finally:
        over.set()
        thread.join(_JOIN_S)
    assert not agent.evictions, agent.evictions[:3]
