"""Hears of changes and calls the controllers: a queue without duplicates, timers, one task."""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING, Final

from fairlead.simcluster.controllers import definitions, deployments, garbage, pods, replicas
from fairlead.simcluster.controllers.work import Place, Work
from fairlead.simcluster.errors import StatusError
from fairlead.simcluster.store import object_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Change, Entry, Table

CONTROLLERS: Final[dict[str, Callable[[Work, Entry], None]]] = {
    "apps/deployments": deployments.reconcile,
    "apps/replicasets": replicas.reconcile_replica_set,
    "apps/statefulsets": replicas.reconcile_stateful_set,
    "apps/daemonsets": replicas.reconcile_daemon_set,
    "batch/jobs": replicas.reconcile_job,
    "pods": pods.reconcile,
    "namespaces": garbage.reconcile_namespace,
    definitions.TABLE: definitions.reconcile,
}
TURN: Final = 100
"""Objects looked at before the event loop gets its turn."""
RETRY_S: Final = 0.2


class ControllerManager:
    """Runs the controllers over one state. Without `run`, `work` may be called by hand (nothing else happens)."""

    def __init__(self, state: State, *, pod_start_s: float, pod_stop_s: float, job_run_s: float) -> None:
        self._work = Work(state, pod_start_s, pod_stop_s, job_run_s)
        self._state = state
        self._queue: dict[Place, None] = {}
        self._news = asyncio.Event()
        state.store.listeners.append(self._hear)

    def resync(self) -> None:
        """Look at everything again, as after a restored store."""
        for resource in [each for each in self._state.registry if each.custom]:
            self._state.registry.remove(resource.group, resource.plural)
        for entry in self._state.store.table(definitions.TABLE).sorted_entries():
            for resource in definitions.resources_of(entry.decoded()):
                self._state.registry.add(resource)
        for table, entry in self._state.store.entries():
            self._enqueue((table.name, entry.key))

    def _enqueue(self, place: Place) -> None:
        self._queue[place] = None
        self._news.set()

    def _hear(self, table: Table, change: Change) -> None:
        if table.name == definitions.TABLE:
            definitions.serve(self._state, change)
        entry = change.entry
        if table.name in CONTROLLERS or entry.owners or b'"deletionTimestamp"' in entry.metadata:
            self._enqueue((table.name, entry.key))
        if entry.owners:
            self._enqueue_owners(entry)
        if change.type == "DELETED":
            self._work.born.pop(entry.uid, None)
            if table.name == "pods":
                self._state.logs.forget(entry.uid)
            for place, dependent in self._state.store.owned_by(entry.uid):
                self._enqueue((place.name, dependent.key))
        if table.name == "nodes":
            for other in ("pods", "apps/daemonsets"):
                for each in self._state.store.table(other).objects:
                    self._enqueue((other, each))

    def _enqueue_owners(self, entry: Entry) -> None:
        for reference in entry.decoded()["metadata"].get("ownerReferences") or ():
            kind = self._state.registry.by_kind(reference["apiVersion"], reference["kind"])
            if kind is not None:
                namespace = entry.namespace if kind.namespaced else ""
                self._enqueue((kind.storage, object_key(namespace, reference["name"])))

    def work(self, limit: int | None = None) -> float | None:
        """Look at what is queued and due (at most `limit` objects); seconds until the next timer, None without one."""
        self._take_due()
        left = limit if limit is not None else 100_000
        while self._queue and left:
            place = next(iter(self._queue))
            del self._queue[place]
            self._look(place)
            left -= 1
            if not self._queue:
                self._take_due()
        if self._queue:
            return 0.0
        timers = self._work.timers
        return max(timers[0][0] - self._state.now(), 0.0) if timers else None

    def _take_due(self) -> None:
        timers, now = self._work.timers, self._state.now()
        while timers and timers[0][0] <= now:
            self._enqueue(heapq.heappop(timers)[2])

    def _look(self, place: Place) -> None:
        table, key = place
        controller = CONTROLLERS.get(table)
        try:
            if (entry := self._state.store.get(table, key)) is not None and controller is not None:
                controller(self._work, entry)
            if (entry := self._state.store.get(table, key)) is not None:
                garbage.collect(self._work, table, entry)
        except StatusError:
            # Somebody else was faster, or the cluster refuses for now: as a real controller, try again a little later.
            self._work.after(RETRY_S, place)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._news.clear()
            wait_s = self.work(TURN)
            if wait_s == 0.0:
                await asyncio.sleep(0)
                continue
            try:
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
            except TimeoutError:
                continue
