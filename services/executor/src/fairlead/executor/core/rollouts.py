"""Rollouts of workloads as kubectl steers them: what may be done, which revision is meant, how far one has come.

Deployments keep their revisions as ReplicaSets, StatefulSets and DaemonSets as ControllerRevisions. Sources:
k8s.io/kubectl ``pkg/polymorphichelpers``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from fairlead.contracts.operations import Kind, PatchType

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
CHANGE_CAUSE = "kubernetes.io/change-cause"
REVISION = "deployment.kubernetes.io/revision"
HASH_LABEL = "pod-template-hash"
_KEPT_ANNOTATIONS = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    }
)
"""Annotations of a Deployment that stay its own when it goes back to a revision."""
_WORKLOADS = {
    Kind.RESTART: frozenset({"deployments", "statefulsets", "daemonsets"}),
    Kind.PAUSE: frozenset({"deployments"}),
    Kind.RESUME: frozenset({"deployments"}),
    Kind.UNDO: frozenset({"deployments", "statefulsets", "daemonsets"}),
    Kind.HISTORY: frozenset({"deployments", "statefulsets", "daemonsets"}),
    Kind.ROLLOUT_STATUS: frozenset({"deployments", "statefulsets", "daemonsets"}),
}
Object = dict[str, Any]


class Impossible(Exception):
    """The workload cannot be treated so in its present state; ``reason`` is one word."""

    def __init__(self, reason: str, message: str, *, code: int = 409) -> None:
        super().__init__(message)
        self.reason = reason
        self.code = code


def check_kind(kind: Kind, group: str, plural: str) -> None:
    """Make sure that a kind has rollouts of this sort.

    Raises:
        Impossible: it has not.

    """
    if group not in ("apps", "extensions") or plural not in _WORKLOADS[kind]:
        name = f"{plural}.{group}" if group else plural
        raise Impossible("NotSupported", f"{kind} is not supported for {name}", code=400)


def restart_patch(workload: Object, now: str) -> Object:
    """Make the patch that has all pods replaced."""
    if _is_paused(workload):
        raise Impossible("Paused", "can't restart paused deployment (resume it first)")
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}}


def pause_patch(workload: Object, *, pause: bool) -> Object:
    """Make the patch that pauses or resumes; what is in that state already is refused, as by kubectl."""
    name = workload["metadata"].get("name")
    if pause and _is_paused(workload):
        raise Impossible("AlreadyPaused", f'deployment "{name}" is already paused')
    if not pause and not _is_paused(workload):
        raise Impossible("NotPaused", f'deployment "{name}" is not paused')
    return {"spec": {"paused": True if pause else None}}


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a workload."""

    number: int
    name: str
    """Of the ReplicaSet or ControllerRevision."""
    created: str
    change_cause: str
    template: Object
    annotations: Object
    data: Object
    """The patch that a ControllerRevision holds; empty for a ReplicaSet."""

    def told(self, *, whole: bool) -> Object:
        """As a result tells it."""
        told = {
            "revision": self.number, "name": self.name, "createdAt": self.created, "changeCause": self.change_cause,
        }  # fmt: skip
        return {**told, "template": self.template} if whole else told


def revisions(workload: Object, holders: list[Object]) -> list[Revision]:
    """Find the revisions of a workload among the objects that its selector finds, the oldest first."""
    uid = workload["metadata"].get("uid")
    found = [_revision(holder) for holder in holders if _is_controlled(holder, uid)]
    return sorted((each for each in found if each is not None), key=lambda each: each.number)


def _revision(holder: Object) -> Revision | None:
    metadata = holder["metadata"]
    annotations = metadata.get("annotations") or {}
    data = holder.get("data") or {}
    number = holder.get("revision") if data else annotations.get(REVISION)
    if not str(number).isascii() or not str(number).isdigit():
        return None
    spec = (data or holder).get("spec") or {}
    template = {key: value for key, value in (spec.get("template") or {}).items() if key != "$patch"}
    return Revision(
        int(str(number)), metadata.get("name", ""), metadata.get("creationTimestamp", ""),
        annotations.get(CHANGE_CAUSE, ""), _without_hash(template), annotations, data,
    )  # fmt: skip


def wanted(known: list[Revision], number: int, name: str) -> Revision:
    """Choose the revision to go back to; 0 means the one before the last.

    Raises:
        Impossible: there is none.

    """
    if number:
        found = next((each for each in known if each.number == number), None)
        if found is None:
            told = ", ".join(str(each.number) for each in known) or "none"
            message = f"unable to find specified revision {number} in history (it has {told})"
            raise Impossible("NoSuchRevision", message, code=404)
        return found
    if len(known) < 2:
        raise Impossible(
            "NoHistory", f'no rollout history found for "{name}": there is no revision to go back to', code=404
        )
    return known[-2]


class Undo(NamedTuple):
    """The patch that goes back."""

    kind: PatchType
    body: Any


def undo_patch(workload: Object, revision: Revision) -> Undo | None:
    """Make the patch that goes back to a revision; None when the workload is there."""
    if _is_paused(workload):
        raise Impossible("Paused", "you cannot rollback a paused deployment; resume it first and try again")
    if _pruned(_without_hash(workload["spec"]["template"])) == _pruned(revision.template):
        return None
    if revision.data:
        return Undo(PatchType.STRATEGIC, revision.data)
    present = workload["metadata"].get("annotations") or {}
    annotations = {key: value for key, value in present.items() if key in _KEPT_ANNOTATIONS}
    annotations |= {key: value for key, value in revision.annotations.items() if key not in _KEPT_ANNOTATIONS}
    steps = [
        {"op": "replace", "path": "/spec/template", "value": revision.template},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
    ]
    return Undo(PatchType.JSON, steps)


class Progress(NamedTuple):
    """How far a rollout has come."""

    done: bool
    message: str


def progress(plural: str, workload: Object) -> Progress:
    """Say how far a rollout has come.

    Raises:
        Impossible: it has failed, or cannot be followed.

    """
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    strategy = (spec.get("updateStrategy") or {}).get("type", "RollingUpdate")
    if plural != "deployments" and strategy != "RollingUpdate":
        message = "rollout status is only available for RollingUpdate strategy type"
        raise Impossible("NotSupported", message, code=400)
    if workload["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return Progress(False, "waiting for the specification to be observed")
    match plural:
        case "deployments":
            return _of_deployment(workload, spec, status)
        case "daemonsets":
            return _of_daemon_set(status)
        case _:
            return _of_stateful_set(spec, status)


def _of_deployment(workload: Object, spec: Object, status: Object) -> Progress:
    conditions = status.get("conditions") or []
    if any(
        each.get("type") == "Progressing" and each.get("reason") == "ProgressDeadlineExceeded" for each in conditions
    ):
        name = workload["metadata"].get("name")
        raise Impossible("ProgressDeadlineExceeded", f'deployment "{name}" exceeded its progress deadline', code=504)
    wanted_, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    total, available = status.get("replicas", 0), status.get("availableReplicas", 0)
    if updated < wanted_:
        return Progress(False, f"{updated} out of {wanted_} new replicas have been updated")
    if total > updated:
        return Progress(False, f"{total - updated} old replicas are pending termination")
    if available < updated:
        return Progress(False, f"{available} of {updated} updated replicas are available")
    return Progress(True, "successfully rolled out")


def _of_daemon_set(status: Object) -> Progress:
    wanted_ = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if updated < wanted_:
        return Progress(False, f"{updated} out of {wanted_} new pods have been updated")
    if available < wanted_:
        return Progress(False, f"{available} of {wanted_} updated pods are available")
    return Progress(True, "successfully rolled out")


def _of_stateful_set(spec: Object, status: Object) -> Progress:
    replicas = spec.get("replicas", 1)
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    if ready < replicas:
        return Progress(False, f"{replicas - ready} pods are not ready yet")
    rolling = (spec.get("updateStrategy") or {}).get("rollingUpdate")
    if rolling is not None:
        due = replicas - (rolling.get("partition") or 0)
        done = updated >= due
        return Progress(done, f"{updated} out of {due} new pods have been updated")
    if status.get("updateRevision") != status.get("currentRevision"):
        return Progress(False, f"{updated} pods at revision {status.get('updateRevision')}")
    return Progress(True, f"{status.get('currentReplicas', 0)} pods at revision {status.get('currentRevision')}")


def selector_text(selector: Object) -> str:
    """Write a LabelSelector as the API takes it in a query."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for each in selector.get("matchExpressions") or []:
        key, values = each.get("key", ""), ",".join(each.get("values") or [])
        match each.get("operator"):
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(str(key))
            case _:
                parts.append(f"!{key}")
    return ",".join(parts)


def _is_paused(workload: Object) -> bool:
    return bool((workload.get("spec") or {}).get("paused"))


def _is_controlled(holder: Object, uid: Any) -> bool:
    owners = holder["metadata"].get("ownerReferences") or []
    return any(owner.get("controller") and owner.get("uid") == uid for owner in owners)


def _without_hash(template: Object) -> Object:
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}


def _pruned(value: Any) -> Any:
    """Leave out what means nothing: nulls, and objects and lists that are empty."""
    if isinstance(value, dict):
        kept = {key: _pruned(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each is not None and each not in ({}, [])}
    return [_pruned(each) for each in value] if isinstance(value, list) else value
