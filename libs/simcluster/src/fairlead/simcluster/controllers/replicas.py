"""Workloads that own pods: ReplicaSets, StatefulSets, DaemonSets and Jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.controllers import revisions
from fairlead.simcluster.controllers.work import (
    active,
    condition,
    owner_reference,
    pod_from,
    ready,
    terminating,
)

if TYPE_CHECKING:
    from fairlead.simcluster.controllers.work import Work
    from fairlead.simcluster.store import Entry

BURST: Final = 50
"""Pods that one step creates at most; the change of the first brings the next step."""

Pods = list[tuple["Entry", dict[str, Any]]]


def reconcile_replica_set(work: Work, entry: Entry) -> None:
    """Create or delete pods until there are as many as asked for."""
    obj = entry.decoded()
    if terminating(obj):
        return
    pods = [pair for pair in work.owned(entry, "pods") if active(pair[1])]
    wanted = int(obj["spec"].get("replicas", 1))
    owner = owner_reference("apps/v1", "ReplicaSet", entry)
    for _ in range(min(wanted - len(pods), BURST)):
        work.create("pods", entry.namespace, pod_from(obj["spec"]["template"], owner, entry.name))
    # Those that are not ready go first, then the youngest.
    surplus = sorted(pods, key=lambda pair: (ready(pair[1]), -pair[0].version))
    for pod, _ in surplus[: max(len(pods) - wanted, 0)]:
        work.delete(work.resource("pods"), pod)
    pods = [pair for pair in work.owned(entry, "pods") if active(pair[1])]
    count = sum(ready(pod) for _, pod in pods)
    status: dict[str, Any] = {"replicas": len(pods)}
    if pods:
        status["fullyLabeledReplicas"] = len(pods)
    if count:
        status |= {"readyReplicas": count, "availableReplicas": count}
    status["observedGeneration"] = obj["metadata"].get("generation", 1)
    work.set_status("replicasets.apps", entry, status)


def reconcile_stateful_set(work: Work, entry: Entry) -> None:
    """Keep pods `<name>-0` … in order: one at a time up, one at a time down, replaced from the last one on."""
    obj = entry.decoded()
    if terminating(obj):
        return
    wanted, template = int(obj["spec"].get("replicas", 1)), obj["spec"]["template"]
    revision = revisions.record(work, "StatefulSet", entry, obj)
    pods = {pod["metadata"]["name"]: (each, pod) for each, pod in work.owned(entry, "pods")}
    parallel = obj["spec"].get("podManagementPolicy") == "Parallel"
    for ordinal in range(wanted):
        name = f"{entry.name}-{ordinal}"
        if name not in pods:
            owner = owner_reference("apps/v1", "StatefulSet", entry)
            pod = pod_from(template, owner, name, generate=False)
            labels = {"controller-revision-hash": revision, "statefulset.kubernetes.io/pod-name": name}
            pod["metadata"]["labels"] = {**pod["metadata"].get("labels", {}), **labels}
            work.create("pods", entry.namespace, pod)
        elif ready(pods[name][1]):
            continue
        if not parallel:
            break
    _shrink_or_replace(work, entry, pods, wanted, revision)
    present = [pod for _, pod in work.owned(entry, "pods") if active(pod)]
    count = sum(ready(pod) for pod in present)
    updated = sum(pod["metadata"]["labels"].get("controller-revision-hash") == revision for pod in present)
    rolled = updated == len(present) == wanted
    status = {
        "observedGeneration": obj["metadata"].get("generation", 1),
        "replicas": len(present),
        "readyReplicas": count,
        "availableReplicas": count,
        "currentReplicas": len(present) if rolled else len(present) - updated,
        "updatedReplicas": updated,
        "currentRevision": revision if rolled else (obj.get("status") or {}).get("currentRevision") or revision,
        "updateRevision": revision,
        "collisionCount": 0,
    }
    work.set_status("statefulsets.apps", entry, status)


def _shrink_or_replace(
    work: Work, entry: Entry, pods: dict[str, tuple[Entry, dict[str, Any]]], wanted: int, revision: str
) -> None:
    def ordinal(name: str) -> int:
        return int(name.removeprefix(f"{entry.name}-"))

    resource = work.resource("pods")
    if any(terminating(pod) for _, pod in pods.values()):
        return
    for name in sorted(pods, key=ordinal, reverse=True):
        each, pod = pods[name]
        outdated = pod["metadata"]["labels"].get("controller-revision-hash") != revision
        if ordinal(name) >= wanted or (outdated and all(ready(other) for _, other in pods.values())):
            work.delete(resource, each)
            return


def reconcile_daemon_set(work: Work, entry: Entry) -> None:
    """Keep one pod on each node, of the present template."""
    obj = entry.decoded()
    if terminating(obj):
        return
    revision = revisions.record(work, "DaemonSet", entry, obj).rpartition("-")[2]
    template = obj["spec"]["template"]
    nodes = sorted(work.state.store.table("nodes").objects)
    pods = {pod["spec"].get("nodeName", ""): (each, pod) for each, pod in work.owned(entry, "pods")}
    owner = owner_reference("apps/v1", "DaemonSet", entry)
    for node in nodes:
        if node not in pods:
            pod = pod_from(template, owner, entry.name)
            pod["spec"]["nodeName"] = node
            labels = {**pod["metadata"].get("labels", {}), "controller-revision-hash": revision}
            pod["metadata"]["labels"] = labels
            work.create("pods", entry.namespace, pod)
    for node, (each, pod) in pods.items():
        outdated = pod["metadata"]["labels"].get("controller-revision-hash") != revision
        if not terminating(pod) and (node not in nodes or outdated):
            work.delete(work.resource("pods"), each)
            break
    present = [pod for _, pod in work.owned(entry, "pods") if active(pod)]
    count = sum(ready(pod) for pod in present)
    status = {
        "currentNumberScheduled": len(present),
        "numberMisscheduled": 0,
        "desiredNumberScheduled": len(nodes),
        "numberReady": count,
        "numberAvailable": count,
        "updatedNumberScheduled": sum(
            pod["metadata"]["labels"].get("controller-revision-hash") == revision for pod in present
        ),
        "observedGeneration": obj["metadata"].get("generation", 1),
    }
    work.set_status("daemonsets.apps", entry, status)


def reconcile_job(work: Work, entry: Entry) -> None:
    """Run pods until enough have succeeded."""
    obj = entry.decoded()
    spec, status = obj["spec"], obj.get("status") or {}
    ended = any(each["type"] in ("Complete", "Failed") for each in status.get("conditions") or ())
    if terminating(obj) or spec.get("suspend") or ended:
        return
    pods = work.owned(entry, "pods")
    succeeded, failed = (
        sum((pod.get("status") or {}).get("phase") == phase for _, pod in pods) for phase in ("Succeeded", "Failed")
    )
    exhausted = failed > int(spec.get("backoffLimit", 6))
    running = [pod for _, pod in pods if active(pod)]
    wanted = int(spec.get("completions") or 1)
    owner = owner_reference("batch/v1", "Job", entry)
    missing = min(int(spec.get("parallelism") or 1) - len(running), wanted - succeeded - len(running))
    missing = 0 if exhausted else missing
    for _ in range(min(missing, BURST)):
        work.create("pods", entry.namespace, pod_from(spec["template"], owner, entry.name))
    now = work.state.timestamp()
    new: dict[str, Any] = {"startTime": status.get("startTime", now)}
    new |= {name: count for name, count in (("succeeded", succeeded), ("failed", failed)) if count}
    if succeeded >= wanted:
        reason, message = "CompletionsReached", "Reached expected number of succeeded pods"
        new["conditions"] = [
            condition(status, kind, holds=True, reason=reason, message=message, now=now)
            for kind in ("SuccessCriteriaMet", "Complete")
        ]
        new["completionTime"] = now
    elif exhausted:
        reason, message = "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        new["conditions"] = [
            condition(status, kind, holds=True, reason=reason, message=message, now=now)
            for kind in ("FailureTarget", "Failed")
        ]
    else:
        live = [pod for _, pod in work.owned(entry, "pods") if active(pod)]
        new |= {"active": len(live), "ready": sum(ready(pod) for pod in live)}
    work.set_status("jobs.batch", entry, new)
