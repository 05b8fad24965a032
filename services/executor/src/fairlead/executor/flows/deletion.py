"""Deleting, and waiting until the object is gone: its UID is absent, or another object has taken the name."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import Kind, OperationRequest
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core import plan
from fairlead.executor.core.aims import Aim
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.errors import ApiRefused, NoAnswer
from fairlead.executor.flows.call import Call, InDoubt
from fairlead.executor.flows.listing import collect

LOOK_PAUSE_S = 0.05
LOOK_PAUSE_MAX_S = 5.0
"""Pauses between looks, doubled each time: a watch tells sooner, so that looks stay few whatever it does."""
WATCH_S = 10.0
"""How long one watch lasts, and so how long a cancellation may go unnoticed."""


class Remains(msgspec.Struct):
    """Metadata of an object that is to go."""

    name: str = ""
    uid: str = ""
    resourceVersion: str = ""  # noqa: N815 - the wire name
    finalizers: list[str] = []


class _Object(msgspec.Struct):
    metadata: Remains


_decode = msgspec.json.Decoder(_Object).decode


async def delete(call: Call, resource: Resource) -> Outcome:
    """Delete an object, or all that a selector finds, and wait until they are gone, unless that is not wanted.

    A grace period above zero is not waited for, as in Armory's agent: the caller has said that it may take long.
    """
    if call.request.label_selector:
        return await _delete_selected(call, resource)
    try:
        answer = await call.take_effect(plan.write(call.request, resource, call.target))
    except ApiRefused as error:
        if error.code != 404 or not call.request.ignore_not_found:
            raise
        nothing = outcomes.succeeded(404, b"", call.blank)
        return msgspec.structs.replace(nothing, reason=error.reason, message="there was nothing to delete")
    outcome = outcomes.succeeded(answer.status, answer.body, call.blank)
    outcome = msgspec.structs.replace(outcome, body=b"", uid=outcome.uid or call.request.uid)
    if not _is_waited_for(call.request):
        return outcome
    call.done = "the deletion was accepted"
    left = await wait_gone(call, resource, call.target, outcome.uid)
    return outcome if left is None else _still_there(call, outcome, [left])


async def _delete_selected(call: Call, resource: Resource) -> Outcome:
    """Delete what a selector finds, one after the other, each under its UID; the result lists their names."""
    namespace = plan.object_namespace(resource, call.target.namespace)
    place = replace(call.target, namespace=namespace)
    query = OperationRequest(
        call.request.account, Kind.LIST,
        label_selector=call.request.label_selector, field_selector=call.request.field_selector,
    )  # fmt: skip
    found = [_decode(item).metadata for item in (await collect(call, query, resource, place)).items]
    deleted: list[Remains] = []
    for each in found:
        aim = replace(place, name=each.name)
        try:
            await call.take_effect(plan.delete(call.request, resource, aim, uid=each.uid), repeatable=True)
        except ApiRefused as error:
            if error.code not in (404, 409):  # gone, or another object by now
                return _partly(call, deleted, each.name, error)
        except (NoAnswer, InDoubt) as error:
            return _partly(call, deleted, each.name, error)
        else:
            deleted.append(each)
            call.done = _names(deleted)
    outcome = _told(call, deleted)
    if not _is_waited_for(call.request):
        return outcome
    left = [
        remains for each in deleted
        if (remains := await wait_gone(call, resource, replace(place, name=each.name), each.uid)) is not None
    ]  # fmt: skip
    return _still_there(call, outcome, left) if left else outcome


def _told(call: Call, deleted: list[Remains]) -> Outcome:
    body = msgspec.json.encode({"deleted": [{"name": each.name, "uid": each.uid} for each in deleted]})
    message = _names(deleted) if deleted else "there was nothing to delete"
    return msgspec.structs.replace(outcomes.succeeded(200, b"", call.blank), body=body, message=message)


def _names(deleted: list[Remains]) -> str:
    return f"deleted: {', '.join(each.name for each in deleted)}"


def _partly(call: Call, deleted: list[Remains], name: str, error: ApiRefused | NoAnswer | InDoubt) -> Outcome:
    """End in the middle: what was deleted stays deleted, and the message says what that is."""
    done = _told(call, deleted)
    if isinstance(error, ApiRefused):
        told = f"{done.message}; then {name} was refused: {error.message}"
        return msgspec.structs.replace(outcomes.failed(done, error.reason, told, code=error.code), body=done.body)
    if isinstance(error, InDoubt):
        return outcomes.unknown(
            done, outcomes.UNKNOWN_OUTCOME, f"{done.message}; then, for {name}: {error}", code=error.code
        )
    told = f"{done.message}; then {name} could not be deleted: {error}"
    return msgspec.structs.replace(outcomes.failed(done, "Unreachable", told, code=503), body=done.body)


def _is_waited_for(request: OperationRequest) -> bool:
    return request.wait is not False and not request.grace_period_seconds and not request.dry_run


def _still_there(call: Call, outcome: Outcome, left: list[Remains]) -> Outcome:
    seconds = f"{call.request.timeout_seconds:g} s"
    if not any(each.uid for each in left):  # no look succeeded: the account may delete and not read
        message = f"the deletion was accepted, but in {seconds} nobody could look whether the object is gone"
    elif len(left) == 1:
        message = f"the deletion was accepted, but the object was still there after {seconds}"
    else:
        message = f"the deletions were accepted, but {len(left)} objects were still there after {seconds}"
    finalizers = sorted({finalizer for each in left for finalizer in each.finalizers})
    if finalizers:
        message += f"; it waits for its finalizers: {', '.join(finalizers)}"
    return outcomes.failed(outcome, outcomes.STILL_TERMINATING, message, code=504)


async def wait_gone(call: Call, resource: Resource, target: Aim, uid: str) -> Remains | None:
    """Wait until an object is gone; gives back what is still there when the time is over.

    Raises:
        Canceled: somebody called the operation off.

    """
    pause_s = LOOK_PAUSE_S
    left = Remains()
    while call.remaining_s > 0:
        call.check_canceled()
        try:
            found = await _look(call, resource, target)
            if found is None or found.uid != (uid or found.uid):
                return None
            left, uid = found, found.uid
            watch = plan.watch_one(resource, target, found.resourceVersion)
            timeout_s = min(WATCH_S, call.limit_s)
            if await call.cluster.wait_deleted(watch, audit_id=call.job.audit_id("wait"), timeout_s=timeout_s):
                return None
        except (ApiRefused, NoAnswer):
            # The deletion stands; a look or a watch that fails is made up for by the next one.
            pause_s = min(LOOK_PAUSE_MAX_S, pause_s * 2)
        await asyncio.sleep(max(0.0, min(pause_s, call.remaining_s)))
        pause_s = min(LOOK_PAUSE_MAX_S, pause_s * 2)
    return left


async def _look(call: Call, resource: Resource, target: Aim) -> Remains | None:
    request = plan.read(resource, target)
    try:
        answer = await call.cluster.send(request, audit_id=call.job.audit_id("wait"), timeout_s=call.limit_s)
    except ApiRefused as error:
        if error.code == 404:
            return None
        raise
    return _decode(answer.body).metadata
