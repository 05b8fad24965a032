"""Running a Job: created, in the place of an earlier one where that was asked for, and followed to its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core import plan
from fairlead.executor.core.jobs import counts, job_end
from fairlead.executor.core.merging.applied import read_object
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.errors import ApiRefused
from fairlead.executor.flows.call import Call
from fairlead.executor.flows.deletion import wait_gone

LOOK_PAUSE_S = 0.25
LOOK_PAUSE_MAX_S = 5.0


async def run_job(call: Call, resource: Resource) -> Outcome:
    """Create the Job and, where that was asked for, wait until it has ended; one that failed fails the operation."""
    if call.request.recreate and call.target.name:
        left = await _remove_former(call, resource)
        if left is not None:
            return left
    answer = await call.take_effect(plan.create(call.request, resource, call.target, bytes(call.request.manifest)))
    created = outcomes.succeeded(answer.status, answer.body, call.blank)
    if not call.request.wait or call.request.dry_run:
        return created
    call.done = f"the Job {created.name} was created"
    return await _follow(call, resource, created)


async def _remove_former(call: Call, resource: Resource) -> Outcome | None:
    """Delete a Job of the same name and wait until it is gone; gives back an outcome when it does not go."""
    try:
        live = await call.look(plan.read(resource, call.target), "read")
    except ApiRefused as error:
        if error.code != 404:
            raise
        return None
    former = outcomes.succeeded(live.status, live.body, call.blank)
    try:
        await call.take_effect(
            plan.delete(call.request, resource, call.target, uid=former.uid), step="delete", repeatable=True
        )
    except ApiRefused as error:
        if error.code not in (404, 409):
            raise
    if call.request.dry_run:
        return None
    call.done = f"the former Job {former.name} was deleted"
    if await wait_gone(call, resource, call.target, former.uid) is None:
        return None
    message = f"{call.done}, but was still there after {call.request.timeout_seconds:g} s; none was created"
    return outcomes.failed(former, outcomes.STILL_TERMINATING, message, code=504)


async def _follow(call: Call, resource: Resource, created: Outcome) -> Outcome:
    place = replace(call.target, name=created.name)
    pause_s = LOOK_PAUSE_S
    answer = await call.look(plan.read(resource, place), "follow")
    while True:
        job = read_object(answer.body, "the Job")
        end = job_end(job)
        if end is not None:
            told = msgspec.structs.replace(outcomes.succeeded(created.code, answer.body, created), message=end.message)
            if end.succeeded:
                return told
            message = f"the Job ran and failed: {end.reason}: {end.message}".rstrip(": ")
            return msgspec.structs.replace(outcomes.failed(told, "JobFailed", message), body=told.body)
        later = await call.look_again(plan.read(resource, place), "follow", after_s=pause_s)
        if later is None:
            return _unfinished(call, created, job, answer.body)
        answer = later
        pause_s = min(LOOK_PAUSE_MAX_S, pause_s * 1.5)


def _unfinished(call: Call, created: Outcome, job: dict[str, Any], body: bytes) -> Outcome:
    message = (
        f"the Job was created and goes on; it had not ended after {call.request.timeout_seconds:g} s ({counts(job)})"
    )
    return msgspec.structs.replace(outcomes.failed(created, "StillRunning", message, code=504), body=body)
