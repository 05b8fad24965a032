"""Deleting, and waiting until the object is gone: its UID is absent, or another object has taken the name."""

from __future__ import annotations

import asyncio

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core import plan
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.errors import ApiRefused, NoAnswer
from fairlead.executor.flows.call import Call

LOOK_PAUSE_S = 0.05
LOOK_PAUSE_MAX_S = 5.0
"""Pauses between looks, doubled each time: a watch tells sooner, so that looks stay few whatever it does."""


class _Meta(msgspec.Struct):
    uid: str = ""
    resourceVersion: str = ""  # noqa: N815 - the wire name
    finalizers: list[str] = []


class _Object(msgspec.Struct):
    metadata: _Meta


_decode = msgspec.json.Decoder(_Object).decode


async def delete(call: Call, resource: Resource) -> Outcome:
    """Delete an object and, where that was asked for, wait until it is gone.

    A grace period above zero is not waited for, as in Armory's agent: the caller has said that it may take long.
    """
    answer = await call.take_effect(plan.write(call.request, resource, call.target))
    outcome = outcomes.succeeded(answer.status, answer.body, call.blank)
    outcome = msgspec.structs.replace(outcome, body=b"", uid=outcome.uid or call.request.uid)
    if not call.request.wait or call.request.grace_period_seconds or call.request.dry_run:
        return outcome
    left = await _wait_gone(call, resource, outcome.uid)
    if left is None:
        return outcome
    message = f"the deletion was accepted, but the object was still there after {call.request.timeout_seconds:g} s"
    if left.finalizers:
        message += f"; it waits for its finalizers: {', '.join(left.finalizers)}"
    return outcomes.failed(outcome, outcomes.STILL_TERMINATING, message, code=504)


async def _wait_gone(call: Call, resource: Resource, uid: str) -> _Meta | None:
    """Wait; gives back what is still there when the time is over."""
    pause_s = LOOK_PAUSE_S
    left = _Meta()
    while call.remaining_s > 0:
        try:
            found = await _look(call, resource)
            if found is None or found.uid != (uid or found.uid):
                return None
            left, uid = found, found.uid
            watch = plan.watch_one(resource, call.target, found.resourceVersion)
            timeout_s = max(0.001, call.remaining_s)
            if await call.cluster.wait_deleted(watch, audit_id=call.job.audit_id("wait"), timeout_s=timeout_s):
                return None
        except (ApiRefused, NoAnswer):
            # The deletion stands; a look or a watch that fails is made up for by the next one.
            pause_s = min(LOOK_PAUSE_MAX_S, pause_s * 2)
        await asyncio.sleep(max(0.0, min(pause_s, call.remaining_s)))
        pause_s = min(LOOK_PAUSE_MAX_S, pause_s * 2)
    return left


async def _look(call: Call, resource: Resource) -> _Meta | None:
    request = plan.read(resource, call.target)
    timeout_s = max(0.001, call.remaining_s)
    try:
        answer = await call.cluster.send(request, audit_id=call.job.audit_id("wait"), timeout_s=timeout_s)
    except ApiRefused as error:
        if error.code == 404:
            return None
        raise
    return _decode(answer.body).metadata
