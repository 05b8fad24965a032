"""Deployments: a ReplicaSet per template, rolled out as maxSurge and maxUnavailable allow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.controllers.work import condition, owner_reference, template_hash, terminating

if TYPE_CHECKING:
    from fairlead.simcluster.controllers.work import Work
    from fairlead.simcluster.store import Entry

DEPLOYMENTS: Final = "deployments.apps"
REPLICA_SETS: Final = "replicasets.apps"
REVISION: Final = "deployment.kubernetes.io/revision"


@dataclass(slots=True)
class _Set:
    entry: Entry
    obj: dict[str, Any]

    @property
    def replicas(self) -> int:
        return int(self.obj["spec"].get("replicas", 0))

    @property
    def available(self) -> int:
        # A set that was just scaled down still counts the pods that are about to go.
        return min(int((self.obj.get("status") or {}).get("availableReplicas", 0)), self.replicas)

    @property
    def present(self) -> int:
        return int((self.obj.get("status") or {}).get("replicas", 0))

    @property
    def revision(self) -> int:
        return int((self.obj["metadata"].get("annotations") or {}).get(REVISION, 0))


def reconcile(work: Work, entry: Entry) -> None:
    """Take one step towards what a Deployment asks for; the sets' own changes bring the next step."""
    obj = entry.decoded()
    if terminating(obj):
        return
    sets = [_Set(each, decoded) for each, decoded in work.owned(entry, "apps/replicasets") if not terminating(decoded)]
    current = _current_set(work, entry, obj, sets)
    if current is None:
        return
    older = [each for each in sets if each.entry.uid != current.entry.uid]
    if not obj["spec"].get("paused"):
        _roll(work, obj, current, older)
        _prune(work, obj, older)
    _write_status(work, entry, obj)


def _current_set(work: Work, entry: Entry, obj: dict[str, Any], sets: list[_Set]) -> _Set | None:
    name = f"{entry.name}-{template_hash(obj['spec']['template'])}"
    newest = max((each.revision for each in sets), default=0)
    found = next((each for each in sets if each.entry.name == name), None)
    if found is None:
        if obj["spec"].get("paused") and sets:
            return max(sets, key=lambda each: each.revision)
        made = work.create(REPLICA_SETS, entry.namespace, _replica_set(entry, obj, name, newest + 1))
        if made is None:
            return None
        found = _Set(made, made.decoded())
        sets.append(found)
    elif found.revision < newest:
        _annotate(work, REPLICA_SETS, found.entry, newest + 1)
        newest += 1
    _annotate(work, DEPLOYMENTS, entry, max(newest, found.revision))
    return found


def _annotate(work: Work, key: str, entry: Entry, revision: int) -> None:
    def change(old: dict[str, Any]) -> dict[str, Any]:
        annotations = {**(old["metadata"].get("annotations") or {}), REVISION: str(revision)}
        return {**old, "metadata": {**old["metadata"], "annotations": annotations}}

    work.modify(key, entry, change)


def _replica_set(entry: Entry, obj: dict[str, Any], name: str, revision: int) -> dict[str, Any]:
    suffix = {"pod-template-hash": name.rpartition("-")[2]}
    template = obj["spec"]["template"]
    labels = {**((template.get("metadata") or {}).get("labels") or {}), **suffix}
    selector = obj["spec"]["selector"]
    return {
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {
                "deployment.kubernetes.io/desired-replicas": str(obj["spec"]["replicas"]),
                REVISION: str(revision),
            },
            "ownerReferences": [owner_reference("apps/v1", "Deployment", entry)],
        },
        "spec": {
            "replicas": 0,
            "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **suffix}},
            "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
        },
    }


def _share(value: Any, desired: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        part = desired * int(value[:-1]) / 100
        return math.ceil(part) if up else math.floor(part)
    return int(value or 0)


def _roll(work: Work, obj: dict[str, Any], current: _Set, older: list[_Set]) -> None:
    desired = int(obj["spec"]["replicas"])
    strategy = obj["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        for each in older:
            work.set_replicas(REPLICA_SETS, each.entry, 0)
        if not any(each.present for each in older):
            work.set_replicas(REPLICA_SETS, current.entry, desired)
        return
    rolling = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge"), desired, up=True)
    unavailable = _share(rolling.get("maxUnavailable"), desired, up=False) or (0 if surge else 1)
    total = current.replicas + sum(each.replicas for each in older)
    if current.replicas > desired or not older:
        wanted = desired
    else:
        wanted = min(desired, current.replicas + max(desired + surge - total, 0))
    work.set_replicas(REPLICA_SETS, current.entry, wanted)
    spare = current.available + sum(each.available for each in older) - (desired - unavailable)
    for each in sorted(older, key=lambda one: one.revision):
        unhealthy = each.replicas - each.available
        removed = min(each.replicas, unhealthy + max(min(spare, each.available), 0))
        spare -= removed - unhealthy
        if removed:
            work.set_replicas(REPLICA_SETS, each.entry, each.replicas - removed)


def _prune(work: Work, obj: dict[str, Any], older: list[_Set]) -> None:
    kept = int(obj["spec"].get("revisionHistoryLimit", 10))
    idle = sorted((each for each in older if not each.replicas and not each.present), key=lambda one: one.revision)
    for each in idle[: max(len(idle) - kept, 0)]:
        work.delete(work.resource(REPLICA_SETS), each.entry)


def _write_status(work: Work, entry: Entry, obj: dict[str, Any]) -> None:
    sets = [_Set(each, decoded) for each, decoded in work.owned(entry, "apps/replicasets")]
    current = next((s for s in sets if s.entry.name.endswith(template_hash(obj["spec"]["template"]))), None)
    desired, old = int(obj["spec"]["replicas"]), obj.get("status") or {}
    total, updated = sum(each.present for each in sets), current.present if current else 0
    available = sum(each.available for each in sets)
    status: dict[str, Any] = {"observedGeneration": obj["metadata"].get("generation", 1)}
    counts = {"replicas": total, "updatedReplicas": updated, "readyReplicas": available, "availableReplicas": available}
    counts["unavailableReplicas"] = max(desired - available, 0)
    status |= {name: count for name, count in counts.items() if count}
    now, complete = work.state.timestamp(), updated == desired == available == total
    strategy = (obj["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    enough = available >= desired - _share(strategy.get("maxUnavailable"), desired, up=False)
    name = current.entry.name if current else ""
    status["conditions"] = [
        condition(
            old,
            "Available",
            holds=enough,
            reason="MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
            message=f"Deployment {'has' if enough else 'does not have'} minimum availability.",
            now=now,
            updates=True,
        ),
        condition(
            old,
            "Progressing",
            holds=True,
            reason="NewReplicaSetAvailable" if complete else "ReplicaSetUpdated",
            message=f'ReplicaSet "{name}" {"has successfully progressed" if complete else "is progressing"}.',
            now=now,
            updates=True,
        ),
    ]
    work.set_status(DEPLOYMENTS, entry, status)
