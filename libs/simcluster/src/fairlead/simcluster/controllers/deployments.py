"""Deployments: a ReplicaSet per template, rolled out as maxSurge and maxUnavailable allow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.controllers.work import condition, owner_reference, template_hash, terminating
from fairlead.simcluster.logs import parse_time

if TYPE_CHECKING:
    from fairlead.simcluster.controllers.work import Work
    from fairlead.simcluster.store import Entry

DEPLOYMENTS: Final = "deployments.apps"
REPLICA_SETS: Final = "replicasets.apps"
REVISION: Final = "deployment.kubernetes.io/revision"
DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MAXIMUM: Final = "deployment.kubernetes.io/max-replicas"
LATE: Final = "ProgressDeadlineExceeded"
# A set gets its Deployment's annotations (the change cause among them) but these.
NOT_COPIED: Final = frozenset({"kubectl.kubernetes.io/last-applied-configuration", REVISION, DESIRED, MAXIMUM})


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
    if current is not None:
        older = [each for each in sets if each.entry.uid != current.entry.uid]
        if not obj["spec"].get("paused"):
            _roll(work, obj, current, older)
            _prune(work, obj, older)
        elif not any(each.replicas for each in older):
            work.set_replicas(REPLICA_SETS, current.entry, int(obj["spec"]["replicas"]))
    _write_status(work, entry, obj)


def _current_set(work: Work, entry: Entry, obj: dict[str, Any], sets: list[_Set]) -> _Set | None:
    """The set of the present template, made when it is new; None when there is none yet and nothing may be begun."""
    name = f"{entry.name}-{template_hash(obj['spec']['template'])}"
    newest = max((each.revision for each in sets), default=0)
    found = next((each for each in sets if each.entry.name == name), None)
    if found is None and obj["spec"].get("paused"):
        return max(sets, key=lambda each: each.revision, default=None)
    if found is None:
        made = work.create(REPLICA_SETS, entry.namespace, _replica_set(entry, obj, name))
        if made is None:
            return None
        found = _Set(made, made.decoded())
        sets.append(found)
    revision = found.revision if newest and found.revision == newest else newest + 1
    desired = int(obj["spec"]["replicas"])
    surge = _share(((obj["spec"].get("strategy") or {}).get("rollingUpdate") or {}).get("maxSurge"), desired, up=True)
    own = {name: value for name, value in (obj["metadata"].get("annotations") or {}).items() if name not in NOT_COPIED}
    counts = {DESIRED: str(desired), MAXIMUM: str(desired + surge)}
    _annotate(work, REPLICA_SETS, found.entry, {**own, **counts, REVISION: str(revision)})
    _annotate(work, DEPLOYMENTS, entry, {REVISION: str(revision)})
    return found


def _annotate(work: Work, key: str, entry: Entry, wanted: dict[str, str]) -> None:
    def change(old: dict[str, Any]) -> dict[str, Any]:
        annotations = {**(old["metadata"].get("annotations") or {}), **wanted}
        return {**old, "metadata": {**old["metadata"], "annotations": annotations}}

    work.modify(key, entry, change)


def _replica_set(entry: Entry, obj: dict[str, Any], name: str) -> dict[str, Any]:
    suffix = {"pod-template-hash": name.rpartition("-")[2]}
    template = obj["spec"]["template"]
    labels = {**((template.get("metadata") or {}).get("labels") or {}), **suffix}
    selector = obj["spec"]["selector"]
    return {
        "metadata": {
            "name": name,
            "labels": labels,
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
    now = work.state.timestamp()
    strategy = (obj["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    enough = available >= desired - _share(strategy.get("maxUnavailable"), desired, up=False)
    available_condition = condition(
        old,
        "Available",
        holds=enough,
        reason="MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        message=f"Deployment {'has' if enough else 'does not have'} minimum availability.",
        now=now,
        updates=True,
    )
    complete = updated == desired == available == total
    moved = any(old.get(name, 0) != status.get(name, 0) for name in counts)
    progressing = _progressing(work, entry, obj, current.entry.name if current else "", complete=complete, moved=moved)
    status["conditions"] = [available_condition, progressing]
    work.set_status(DEPLOYMENTS, entry, status)


def _progressing(  # noqa: PLR0913 - the parts of a rollout
    work: Work, entry: Entry, obj: dict[str, Any], name: str, *, complete: bool, moved: bool
) -> dict[str, Any]:
    """The condition that `rollout status` waits for: done, under way, paused, or past its deadline."""
    old, now, spec = obj.get("status") or {}, work.state.timestamp(), obj["spec"]

    def made(holds: bool | None, reason: str, message: str) -> dict[str, Any]:
        return condition(old, "Progressing", holds=holds, reason=reason, message=message, now=now, updates=True)

    if complete and not spec.get("paused"):
        return made(True, "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.')
    if spec.get("paused"):
        return made(None, "DeploymentPaused", "Deployment is paused")
    present: dict[str, Any] = next((each for each in old.get("conditions") or () if each["type"] == "Progressing"), {})
    left_s = float(spec.get("progressDeadlineSeconds", 600))
    if not moved and present.get("reason") in ("ReplicaSetUpdated", LATE):
        left_s += parse_time(present["lastUpdateTime"]) - work.state.now()
        if left_s <= 0 or present["reason"] == LATE:
            return made(False, LATE, f'ReplicaSet "{name}" has timed out progressing.')
    work.after(left_s + 1, ("apps/deployments", entry.key))
    progress = made(True, "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.')
    return progress | ({"lastUpdateTime": now} if moved else {})
