"""Listing objects live: pages put together into one list, within the limit of a result."""

from __future__ import annotations

import asyncio

import msgspec

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import RESULT_LIMIT_BYTES
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core import plan
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.errors import ApiRefused, ResultTooLarge
from fairlead.executor.flows.call import Call
from fairlead.executor.ports import Page

_ROOM_FOR_ENVELOPE_BYTES = 4096


async def list_objects(call: Call, resource: Resource, *, limit_bytes: int = RESULT_LIMIT_BYTES) -> Outcome:
    """List a collection.

    A continue token that expired under way (410) starts the list anew, once.

    Raises:
        ResultTooLarge: the list is larger than ``limit_bytes``.

    """
    try:
        body = await _collect(call, resource, limit_bytes)
    except ApiRefused as error:
        if error.code != 410:
            raise
        body = await _collect(call, resource, limit_bytes)
    return outcomes.succeeded(200, body, call.blank)


async def _collect(call: Call, resource: Resource, limit_bytes: int) -> bytes:
    items: list[bytes] = []
    size_bytes = _ROOM_FOR_ENVELOPE_BYTES
    limit, token = call.request.limit, ""
    while True:
        page = await _page(call, resource, limit - len(items) if limit else 0, token)
        items += page.items
        size_bytes += sum(len(item) + 1 for item in page.items)
        if size_bytes > limit_bytes:
            raise ResultTooLarge(
                f"the list is over {limit_bytes} bytes after {len(items)} objects; ask for less with `namespace`, "
                "`labelSelector`, `fieldSelector` or `limit`"
            )
        token = page.token
        if not token or (limit and len(items) >= limit):
            return _body(resource, page, items[:limit] if limit else items)
        await asyncio.sleep(0)


async def _page(call: Call, resource: Resource, room: int, token: str) -> Page:
    request = plan.page(call.request, resource, call.target, room, token)
    return await call.look_page(request, resource)


def _body(resource: Resource, last: Page, items: list[bytes]) -> bytes:
    """Join the items; the list tells how many more there are when it was cut short by ``limit``."""
    metadata: dict[str, str | int] = {"resourceVersion": last.version}
    if last.token and last.remaining is not None:
        metadata["remainingItemCount"] = last.remaining
    head = {"apiVersion": resource.api_version, "kind": f"{resource.kind}List", "metadata": metadata}
    return b"".join((msgspec.json.encode(head)[:-1], b',"items":[', b",".join(items), b"]}"))
