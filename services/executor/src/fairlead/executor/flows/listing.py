"""Listing objects live: pages put together into one list, within the limit of a result."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import RESULT_LIMIT_BYTES, OperationRequest
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core import plan
from fairlead.executor.core.aims import Aim
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.errors import ApiRefused, ResultTooLarge
from fairlead.executor.flows.call import Call
from fairlead.executor.ports import Page

_ROOM_FOR_ENVELOPE_BYTES = 4096


class Found(NamedTuple):
    """The items of a list, and its last page."""

    items: list[bytes]
    last: Page


async def list_objects(call: Call, resource: Resource, *, limit_bytes: int = RESULT_LIMIT_BYTES) -> Outcome:
    """List the collection of the call.

    Raises:
        ResultTooLarge: the list is larger than ``limit_bytes``.

    """
    return await list_as(call, call.request, resource, call.target, limit_bytes=limit_bytes)


async def list_as(
    call: Call, request: OperationRequest, resource: Resource, target: Aim, *, limit_bytes: int = RESULT_LIMIT_BYTES
) -> Outcome:
    """List any collection as the result of the call; raises as `list_objects`."""
    found = await collect(call, request, resource, target, limit_bytes)
    return outcomes.succeeded(200, _body(resource, found), call.blank)


async def collect(
    call: Call, request: OperationRequest, resource: Resource, target: Aim, limit_bytes: int = RESULT_LIMIT_BYTES
) -> Found:
    """Read all pages of a collection, within its limits.

    A continue token that expired under way (410) starts the list anew, once.

    Raises:
        ResultTooLarge: the list is larger than ``limit_bytes``.

    """
    try:
        return await _pages(call, request, resource, target, limit_bytes)
    except ApiRefused as error:
        if error.code != 410:
            raise
        return await _pages(call, request, resource, target, limit_bytes)


async def _pages(call: Call, request: OperationRequest, resource: Resource, target: Aim, limit_bytes: int) -> Found:
    items: list[bytes] = []
    size_bytes = _ROOM_FOR_ENVELOPE_BYTES
    limit, token = request.limit, ""
    while True:
        asked = plan.page(request, resource, target, limit - len(items) if limit else 0, token)
        page = await call.look_page(asked, resource)
        items += page.items
        size_bytes += sum(len(item) + 1 for item in page.items)
        if size_bytes > limit_bytes:
            raise ResultTooLarge(
                f"the list is over {limit_bytes} bytes after {len(items)} objects; ask for less with `namespace`, "
                "`labelSelector`, `fieldSelector` or `limit`"
            )
        token = page.token
        if not token or (limit and len(items) >= limit):
            return Found(items[:limit] if limit else items, page)
        await asyncio.sleep(0)


def _body(resource: Resource, found: Found) -> bytes:
    """Join the items; the list tells how many more there are when it was cut short by ``limit``."""
    last = found.last
    metadata: dict[str, str | int] = {"resourceVersion": last.version}
    if last.token and last.remaining is not None:
        metadata["remainingItemCount"] = last.remaining
    head = {"apiVersion": resource.api_version, "kind": f"{resource.kind}List", "metadata": metadata}
    return b"".join((msgspec.json.encode(head)[:-1], b',"items":[', b",".join(found.items), b"]}"))
