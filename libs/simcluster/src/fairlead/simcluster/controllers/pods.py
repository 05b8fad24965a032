"""Scheduler and kubelet in one: a pod gets a node, runs after a delay, ends when it is told to or when its job is done."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.api import deleting, writing
from fairlead.simcluster.api.deleting import DeleteOptions
from fairlead.simcluster.api.writing import Write
from fairlead.simcluster.controllers.work import condition, terminating

if TYPE_CHECKING:
    from fairlead.simcluster.controllers.work import Work
    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Entry

PODS: Final = "pods"
BROKEN_TAG: Final = ":broken"
"""An image with this tag cannot be pulled: its pod stays Pending."""
FAILING_TAG: Final = ":failing"
"""A Job's container of an image with this tag ends with exit code 1."""


def reconcile(work: Work, entry: Entry) -> None:
    """Take a pod one step on in its life."""
    pod = entry.decoded()
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    if terminating(pod):
        _stop(work, entry, pod)
        return
    if not spec.get("nodeName"):
        _schedule(work, entry)
        return
    started = _age_s(work, pod)
    if status.get("phase") == "Pending":
        if started < work.pod_start_s:
            work.after(work.pod_start_s - started, (PODS, entry.key))
        else:
            _run(work, entry, pod)
    elif status.get("phase") == "Running" and spec.get("restartPolicy") in ("Never", "OnFailure") and _of_job(pod):
        left_s = work.pod_start_s + work.job_run_s - started
        if left_s > 0:
            work.after(left_s, (PODS, entry.key))
        else:
            _finish(work, entry, pod)


def _of_job(pod: dict[str, Any]) -> bool:
    return any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences") or ())


def _age_s(work: Work, pod: dict[str, Any]) -> float:
    born = work.born.setdefault(pod["metadata"]["uid"], work.state.now())
    return work.state.now() - born


def _schedule(work: Work, entry: Entry) -> None:
    nodes = sorted(work.state.store.table("nodes").objects)
    if not nodes:
        return
    node = nodes[zlib.crc32(entry.uid.encode()) % len(nodes)]

    def bind(old: dict[str, Any]) -> dict[str, Any]:
        return {
            **old,
            "metadata": {**old["metadata"], "resourceVersion": ""},
            "spec": {**old["spec"], "nodeName": node},
        }

    writing.modify(
        work.state,
        work.resource(PODS),
        entry.namespace,
        entry.name,
        bind,
        Write("kube-scheduler", subresource="binding"),
    )


def _set_status(state: State, entry: Entry, status: dict[str, Any]) -> None:
    def change(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "metadata": {**old["metadata"], "resourceVersion": ""}, "status": status}

    resource = state.registry.by_key(PODS)
    assert resource is not None  # noqa: S101 - a built-in one
    writing.modify(state, resource, entry.namespace, entry.name, change, Write("kubelet", subresource="status"))


def _address(uid: str) -> str:
    number = zlib.crc32(uid.encode())
    return f"10.244.{number >> 8 & 255}.{number & 255}"


def _run(work: Work, entry: Entry, pod: dict[str, Any]) -> None:
    now, containers = work.state.timestamp(), pod["spec"].get("containers") or []
    broken = any(str(each.get("image", "")).endswith(BROKEN_TAG) for each in containers)
    running = {"running": {"startedAt": now}}
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
    old = pod.get("status") or {}

    def state(kind: str, *, holds: bool) -> dict[str, Any]:
        made = condition(old, kind, holds=holds, reason="" if holds else "ContainersNotReady", message="", now=now)
        return {name: value for name, value in made.items() if value}

    address = _address(entry.uid)
    status = {
        **old,
        "phase": "Pending" if broken else "Running",
        "conditions": [
            state("Initialized", holds=True),
            state("Ready", holds=not broken),
            state("ContainersReady", holds=not broken),
            state("PodScheduled", holds=True),
        ],
        "hostIP": "192.168.0.10",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": old.get("startTime", now),
        "containerStatuses": [
            {
                "name": each["name"],
                "image": each.get("image", ""),
                "imageID": "",
                "ready": not broken,
                "started": not broken,
                "restartCount": 0,
                "state": waiting if broken else running,
                "lastState": {},
            }
            for each in containers
        ],
    }
    _set_status(work.state, entry, status)


def _finish(work: Work, entry: Entry, pod: dict[str, Any]) -> None:
    now, old = work.state.timestamp(), pod["status"]
    code = int(any(str(each.get("image", "")).endswith(FAILING_TAG) for each in pod["spec"]["containers"]))
    containers = [
        {**each, "ready": False, "started": False, "state": _ended(each, now, code)}
        for each in old.get("containerStatuses") or ()
    ]
    conditions = [
        {**each, "status": "False", "reason": "PodFailed" if code else "PodCompleted"}
        if each["type"] in ("Ready", "ContainersReady")
        else each
        for each in old.get("conditions") or ()
    ]
    _set_status(
        work.state,
        entry,
        {**old, "phase": "Failed" if code else "Succeeded", "conditions": conditions, "containerStatuses": containers},
    )


def _ended(status: dict[str, Any], now: str, exit_code: int = 0) -> dict[str, Any]:
    """The state of a container whose run is over."""
    started = (status["state"].get("running") or {}).get("startedAt", now)
    reason = "Error" if exit_code else "Completed"
    return {"terminated": {"exitCode": exit_code, "reason": reason, "startedAt": started, "finishedAt": now}}


def restart(state: State, entry: Entry, container: str, exit_code: int) -> None:
    """End a container's run (that of the first one by default) and begin the next."""
    status, now = entry.decoded()["status"], state.timestamp()
    for each in status["containerStatuses"]:
        if each["name"] == container or not container:
            each |= {"lastState": _ended(each, now, exit_code), "state": {"running": {"startedAt": now}}}
            each["restartCount"] += 1
            state.logs.restart(entry.uid, each["name"])
            break
    _set_status(state, entry, status)


def _stop(work: Work, entry: Entry, pod: dict[str, Any]) -> None:
    if not pod["metadata"].get("deletionGracePeriodSeconds"):
        return  # only finalizers hold it
    told = work.stopping.setdefault(entry.uid, work.state.now())
    left_s = told + work.pod_stop_s - work.state.now()
    if left_s > 0:
        work.after(left_s, (PODS, entry.key))
        return
    work.stopping.pop(entry.uid, None)
    deleting.delete_entry(work.state, work.resource(PODS), entry, DeleteOptions(grace_period_s=0))
