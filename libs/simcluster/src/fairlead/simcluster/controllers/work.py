"""What controllers share: the state, their delays, and writes under their own names."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from fairlead.simcluster.api import deleting, writing
from fairlead.simcluster.api.deleting import DeleteOptions
from fairlead.simcluster.api.writing import Write
from fairlead.simcluster.defaults import RANDOM_LETTERS
from fairlead.simcluster.errors import StatusError
from fairlead.simcluster.resources import Resource
from fairlead.simcluster.state import State
from fairlead.simcluster.store import Entry

Place = tuple[str, str]
"""Table and key of an object."""

CONTROLLER: Final = Write("kube-controller-manager")
_sorted = msgspec.json.Encoder(order="sorted").encode


@dataclass(slots=True)
class Work:
    """The controllers' hands."""

    state: State
    pod_start_s: float = 0.2
    pod_stop_s: float = 0.2
    job_run_s: float = 1.0
    timers: list[tuple[float, int, Place]] = field(default_factory=list)
    born: dict[str, float] = field(default_factory=dict)
    """When each pod was first seen, by uid."""
    stopping: dict[str, float] = field(default_factory=dict)
    """When each terminating pod was first seen, by uid."""
    _sequence: int = 0

    def after(self, delay_s: float, place: Place) -> None:
        """Look at an object again later."""
        self._sequence += 1
        heapq.heappush(self.timers, (self.state.now() + delay_s, self._sequence, place))

    def resource(self, key: str) -> Resource:
        """A built-in resource by key."""
        resource = self.state.registry.by_key(key)
        if resource is None:
            raise LookupError(key)
        return resource

    def create(self, key: str, namespace: str, obj: dict[str, Any]) -> Entry | None:
        """Create an object; None when the cluster refuses (its namespace goes away)."""
        try:
            return writing.create(self.state, self.resource(key), namespace, obj, CONTROLLER)
        except StatusError:
            return None

    def modify(
        self, key: str, entry: Entry, change: Callable[[dict[str, Any]], dict[str, Any]], *, subresource: str = ""
    ) -> Entry:
        """Change an object by a function of its state."""
        write = Write("kube-controller-manager", subresource=subresource)

        def without_version(old: dict[str, Any]) -> dict[str, Any]:
            new = change(old)
            new["metadata"] = {**new["metadata"], "resourceVersion": ""}
            return new

        return writing.modify(self.state, self.resource(key), entry.namespace, entry.name, without_version, write)

    def set_status(self, key: str, entry: Entry, status: dict[str, Any]) -> Entry:
        """Write an object's status; nothing happens when it is the same."""
        return self.modify(key, entry, lambda old: {**old, "status": status}, subresource="status")

    def set_replicas(self, key: str, entry: Entry, replicas: int) -> Entry:
        """Scale a workload."""
        return self.modify(key, entry, lambda old: {**old, "spec": {**old["spec"], "replicas": replicas}})

    def delete(self, resource: Resource, entry: Entry, propagation: str = "Background") -> None:
        """Delete an object that may be gone or going already."""
        present = self.state.store.get(resource.storage, entry.key)
        if present is not None and present.uid == entry.uid:
            deleting.delete_entry(self.state, resource, present, DeleteOptions(propagation))

    def owned(self, owner: Entry, table: str) -> list[tuple[Entry, dict[str, Any]]]:
        """The objects of a table that name this owner, decoded."""
        entries = [entry for place, entry in self.state.store.owned_by(owner.uid) if place.name == table]
        return [(entry, entry.decoded()) for entry in entries]


def owner_reference(api_version: str, kind: str, entry: Entry) -> dict[str, Any]:
    """A controller's reference to an owner."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": entry.name,
        "uid": entry.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def template_hash(template: dict[str, Any]) -> str:
    """A short stable hash of a pod template, in the letters of `pod-template-hash`."""
    digest = hashlib.blake2s(_sorted(template), digest_size=10).digest()
    return "".join(RANDOM_LETTERS[byte % len(RANDOM_LETTERS)] for byte in digest)


def terminating(obj: dict[str, Any]) -> bool:
    """Whether an object is being deleted."""
    return "deletionTimestamp" in obj["metadata"]


def active(pod: dict[str, Any]) -> bool:
    """Whether a pod counts as a replica."""
    return not terminating(pod) and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def ready(pod: dict[str, Any]) -> bool:
    """Whether a pod is Ready."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return not terminating(pod) and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def pod_from(template: dict[str, Any], owner: dict[str, Any], name: str, *, generate: bool = True) -> dict[str, Any]:
    """A pod of a template; `name` is a prefix unless `generate` is false."""
    metadata = template.get("metadata") or {}
    copied = {part: dict(metadata[part]) for part in ("labels", "annotations") if metadata.get(part)}
    named = {"generateName": f"{name}-"} if generate else {"name": name}
    pod: dict[str, Any] = {
        "metadata": {**named, **copied, "ownerReferences": [owner]},
        "spec": {"serviceAccountName": "default", **template["spec"]},
    }
    return pod


def condition(  # noqa: PLR0913 - the parts of a condition
    old: dict[str, Any], kind: str, *, holds: bool | None, reason: str, message: str, now: str, updates: bool = False
) -> dict[str, Any]:
    """A status condition (`holds` None: Unknown); its transition time moves only when the status changes."""
    status = "Unknown" if holds is None else str(holds)
    present = next((each for each in old.get("conditions") or () if each["type"] == kind), None)
    same = present is not None and present["status"] == status
    moved = present["lastTransitionTime"] if same and present else now
    made: dict[str, Any] = {"type": kind, "status": status}
    if updates:
        unchanged = same and present is not None and present.get("reason") == reason
        made["lastUpdateTime"] = present["lastUpdateTime"] if unchanged and present else now
    return {**made, "lastTransitionTime": moved, "reason": reason, "message": message}
