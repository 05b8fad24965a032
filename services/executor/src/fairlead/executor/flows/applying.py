"""Applying a manifest, client-side as kubectl computes it, or server-side with fields taken over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import InvalidRequest, PatchType
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core import ownership, plan
from fairlead.executor.core.merging.applied import annotated, last_applied, read_object
from fairlead.executor.core.merging.defaults import with_defaults
from fairlead.executor.core.merging.threeway import merge_patch, strategic_patch
from fairlead.executor.core.merging.values import MergeFault, without_nulls
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.core.plan import ApiRequest
from fairlead.executor.errors import ApiRefused, NoAnswer
from fairlead.executor.flows.call import Call, Canceled, InDoubt, OutOfTime
from fairlead.executor.ports import Answer

CONFLICTS_MAX = 5
"""How often an apply meets a change made meanwhile before it gives up (``maxPatchRetry`` of kubectl)."""
CONFLICT_PAUSE_S = 1.0
"""After all conflicts but the first."""
Object = dict[str, Any]


async def apply(call: Call, resource: Resource) -> Outcome:
    """Apply the manifest of the call.

    Raises:
        InvalidRequest: the manifest cannot be applied so.
        ApiRefused, NoAnswer, InDoubt, …: as the requests' answers were.

    """
    manifest = read_object(bytes(call.request.manifest), "manifest")
    mode = call.policy.mode(resource, manifest, call.request.server_side)
    if not mode.server_side:
        return await _client_side(call, resource, manifest)
    if mode.manifest_defaults:
        node = await call.schema()
        manifest = manifest if node is None else with_defaults(manifest, node)
    return await _server_side(call, resource, manifest, clear=mode.clear_managed_fields)


async def _client_side(call: Call, resource: Resource, manifest: Object) -> Outcome:
    wanted = annotated(manifest, plan.object_namespace(resource, call.target.namespace))
    for conflicts in range(CONFLICTS_MAX + 1):
        if conflicts > 1:
            await call.pause(CONFLICT_PAUSE_S)
        live = await _live(call, resource)
        request = await _towards(call, resource, wanted, live)
        if request is None:
            unchanged = outcomes.succeeded(200, msgspec.json.encode(live), call.blank)
            return msgspec.structs.replace(unchanged, message="unchanged")
        try:
            return _done(call, await call.take_effect(request))
        except ApiRefused as error:
            if conflicts == CONFLICTS_MAX or not _may_pass(call, error):
                raise
    raise AssertionError("the last turn returns or raises")


async def _live(call: Call, resource: Resource) -> Object | None:
    try:
        answer = await call.look(plan.read(resource, call.target), "read")
    except ApiRefused as error:
        if error.code != 404 or call.request.uid or call.request.resource_version:
            raise
        return None
    return read_object(answer.body, "the live object")


async def _towards(call: Call, resource: Resource, wanted: Object, live: Object | None) -> ApiRequest | None:
    """Make the request that leads from the live object to the wanted one; None when it is there."""
    if live is None:
        body = msgspec.json.encode(without_nulls(wanted))
        return plan.create(call.request, resource, call.target, body)
    _check_fence(call, live)
    last = last_applied(live)
    node = await call.schema()
    try:
        patch = merge_patch(last, wanted, live) if node is None else strategic_patch(last, wanted, live, node)
    except MergeFault as error:
        raise InvalidRequest([f"no patch can be made for the live object: {error}"]) from None
    if not patch:
        return None
    kind = PatchType.MERGE if node is None else PatchType.STRATEGIC
    return plan.patch_of_manifest(call.request, resource, call.target, msgspec.json.encode(patch), kind)


def _check_fence(call: Call, live: Object) -> None:
    """Compare the expected UID and version here too: an empty patch would never reach the server's comparison."""
    metadata = live.get("metadata") or {}
    for name, expected in (("uid", call.request.uid), ("resourceVersion", call.request.resource_version)):
        if expected and metadata.get(name) != expected:
            message = f"the object's {name} is {metadata.get(name)}, and {expected} was expected"
            raise ApiRefused(409, "Conflict", message)


def _may_pass(call: Call, error: ApiRefused) -> bool:
    """Whether somebody else was quicker, so that a new look leads on; a field that has an owner is another conflict."""
    if call.request.resource_version or error.message.startswith("Apply failed"):
        return False
    return error.code == 409 and error.reason in ("Conflict", "AlreadyExists")


async def _server_side(call: Call, resource: Resource, manifest: Object, *, clear: bool) -> Outcome:
    body = msgspec.json.encode(manifest)
    if clear and not call.request.dry_run:
        await _become_sole_owner(call, resource)
    answer = await _apply_once(call, resource, body, step="")
    if call.request.dry_run:
        return _done(call, answer)
    try:
        if await _take_over(call, resource, answer):
            answer = await _apply_once(call, resource, body, step="reapply")
    except (ApiRefused, NoAnswer, InDoubt, Canceled, OutOfTime, msgspec.MsgspecError) as error:
        told = error.message if isinstance(error, ApiRefused) else str(error) or type(error).__name__
        message = f"applied; but fields that were applied client-side before could not be taken over: {told}"
        call.doubt = False  # the apply itself stands; what failed repeats itself with the next one
        return msgspec.structs.replace(_done(call, answer), message=message)
    return _done(call, answer)


async def _apply_once(call: Call, resource: Resource, body: bytes, step: str) -> Answer:
    for conflicts in range(CONFLICTS_MAX + 1):
        if conflicts > 1:
            await call.pause(CONFLICT_PAUSE_S)
        try:
            return await call.take_effect(plan.apply(call.request, resource, call.target, body), step=step)
        except ApiRefused as error:
            if conflicts == CONFLICTS_MAX or not _may_pass(call, error):
                raise
    raise AssertionError("the last turn returns or raises")


async def _take_over(call: Call, resource: Resource, answer: Answer) -> bool:
    """Take client-side fields over; tells whether there were any, so that the apply must be sent again."""
    for turn in range(CONFLICTS_MAX):
        patch = ownership.takeover(answer.body, call.request.field_manager)
        if patch is None:
            return turn > 0  # a try before may have done it, and lost its answer
        if await _set_owners(call, resource, patch):
            return True
        answer = await _whole(call, resource)
    raise ApiRefused(409, "Conflict", "the object keeps changing")


async def _become_sole_owner(call: Call, resource: Resource) -> None:
    for _ in range(CONFLICTS_MAX):
        try:
            answer = await _whole(call, resource)
        except ApiRefused as error:
            if error.code == 404:
                return
            raise
        patch = ownership.sole_ownership(answer.body, call.request.field_manager, resource.api_version)
        if patch is None:
            return
        if await _set_owners(call, resource, patch):
            call.done = "every other manager lost its fields"
            return
    raise ApiRefused(409, "Conflict", "the object keeps changing, its fields could not be taken over")


async def _set_owners(call: Call, resource: Resource, patch: bytes) -> bool:
    """Replace the managedFields of a known version; False when there is another by now."""
    request = plan.set_owners(call.request, resource, call.target, patch)
    try:
        await call.take_effect(request, step="owners", repeatable=True)
    except ApiRefused as error:
        if error.code != 409:
            raise
        return False
    return True


async def _whole(call: Call, resource: Resource) -> Answer:
    return await call.look(replace(plan.read(resource, call.target), untouched=True), "read")


def _done(call: Call, answer: Answer) -> Outcome:
    return outcomes.succeeded(answer.status, outcomes.without_managed_fields(answer.body), call.blank)
