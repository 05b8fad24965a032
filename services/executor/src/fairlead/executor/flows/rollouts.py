"""Rollouts: restart, pause, resume, go back, show the history, follow one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import Kind, OperationRequest, PatchType
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core import plan, rollouts
from fairlead.executor.core.aims import Aim
from fairlead.executor.core.merging.applied import read_object
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.core.rollouts import Impossible, Revision
from fairlead.executor.flows.call import Call
from fairlead.executor.flows.listing import collect

LOOK_PAUSE_S = 0.5
LOOK_PAUSE_MAX_S = 5.0
HISTORY_LIMIT_BYTES = 16 * 1024 * 1024
"""Of the ReplicaSets or ControllerRevisions of one workload."""
Object = dict[str, Any]


async def steer(call: Call, resource: Resource) -> Outcome:
    """Restart, pause or resume a workload.

    Raises:
        Impossible: its kind or its state forbids it.

    """
    rollouts.check_kind(call.request.kind, resource.group, resource.plural)
    workload = await _read(call, resource)
    match call.request.kind:
        case Kind.RESTART:
            patch = rollouts.restart_patch(workload, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        case Kind.PAUSE:
            patch = rollouts.pause_patch(workload, pause=True)
        case _:
            patch = rollouts.pause_patch(workload, pause=False)
    return await _patched(call, resource, patch, PatchType.STRATEGIC)


async def undo(call: Call, resource: Resource) -> Outcome:
    """Go back to a revision; a workload that is there already is left alone, and told so.

    Raises:
        Impossible: there is no such revision, or the workload is paused.

    """
    rollouts.check_kind(call.request.kind, resource.group, resource.plural)
    workload = await _read(call, resource)
    revision = rollouts.wanted(await _revisions(call, resource, workload), call.request.revision, call.target.name)
    patch = rollouts.undo_patch(workload, revision)
    if patch is None:
        outcome = outcomes.succeeded(200, msgspec.json.encode(workload), call.blank)
        told = f"skipped rollback (current template already matches revision {revision.number})"
        return msgspec.structs.replace(outcome, message=told)
    outcome = await _patched(call, resource, patch.body, patch.kind)
    return msgspec.structs.replace(outcome, message=f"rolled back to revision {revision.number}")


async def history(call: Call, resource: Resource) -> Outcome:
    """List the revisions of a workload, or show one with its pod template."""
    rollouts.check_kind(call.request.kind, resource.group, resource.plural)
    workload = await _read(call, resource)
    known = await _revisions(call, resource, workload)
    number = call.request.revision
    if number:
        known = [rollouts.wanted(known, number, call.target.name)]
    body = {"kind": "RolloutHistory", "items": [each.told(whole=bool(number)) for each in known]}
    return _told(call, workload, body)


async def status(call: Call, resource: Resource) -> Outcome:
    """Say how far a rollout has come; where that was asked for, when it has come to its end."""
    rollouts.check_kind(call.request.kind, resource.group, resource.plural)
    pause_s = LOOK_PAUSE_S
    workload = await _read(call, resource)
    while True:
        reached = rollouts.progress(resource.plural, workload)
        if reached.done or not call.request.wait:
            body = {"kind": "RolloutStatus", "done": reached.done, "message": reached.message}
            return msgspec.structs.replace(_told(call, workload, body), message=reached.message)
        later = await call.look_again(plan.read(resource, call.target), "read", after_s=pause_s)
        if later is None:
            message = f"the rollout had not ended after {call.request.timeout_seconds:g} s: {reached.message}"
            raise Impossible("StillRolling", message, code=504)
        workload = read_object(later.body, "the live object")
        pause_s = min(LOOK_PAUSE_MAX_S, pause_s * 1.5)


async def _read(call: Call, resource: Resource) -> Object:
    answer = await call.look(plan.read(resource, call.target), "read")
    return read_object(answer.body, "the live object")


async def _revisions(call: Call, resource: Resource, workload: Object) -> list[Revision]:
    kind = "ReplicaSet" if resource.plural == "deployments" else "ControllerRevision"
    holder = await call.find("apps/v1", kind)
    namespace = plan.object_namespace(resource, call.target.namespace)
    selector = rollouts.selector_text((workload.get("spec") or {}).get("selector") or {})
    query = OperationRequest(call.request.account, Kind.LIST, label_selector=selector)
    found = await collect(call, query, holder, Aim("apps/v1", kind, namespace, ""), HISTORY_LIMIT_BYTES)
    return rollouts.revisions(workload, [read_object(item, "a revision") for item in found.items])


async def _patched(call: Call, resource: Resource, patch: Any, kind: PatchType) -> Outcome:
    request = plan.patch(call.request, resource, call.target, msgspec.json.encode(patch), kind)
    answer = await call.take_effect(request)
    return outcomes.succeeded(answer.status, answer.body, call.blank)


def _told(call: Call, workload: Object, body: Object) -> Outcome:
    """A result about a workload that is not the workload itself."""
    about = outcomes.succeeded(200, msgspec.json.encode(workload), call.blank)
    return msgspec.structs.replace(about, body=msgspec.json.encode(body))
