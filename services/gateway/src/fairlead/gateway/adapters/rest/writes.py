"""``/v1/accounts/{name}/writes``: who wrote what through the facade."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from fairlead.gateway.adapters.rest.calls import Call, json_response, route
from fairlead.gateway.errors import UnknownAccount
from fairlead.gateway.ports.rest import RestDesk
from fairlead.gateway.ports.writes import WriteRecord

PAGE = 100
PAGE_LIMIT = 1000


def routes(desk: RestDesk) -> list[Route]:
    """The routes."""
    return [route("/v1/accounts/{name}/writes", find, desk)]


async def find(call: Call) -> Response:
    """Writes of an account, newest first."""
    call.only("limit", "continue")
    name = call.path("name")
    if not call.grant.allows(name):
        raise UnknownAccount("there is no such account that this token may see (GET /v1/accounts lists them)")
    limit = call.number("limit", PAGE, largest=PAGE_LIMIT)
    before = call.query.get("continue", "").replace("\0", "")
    found = await call.desk.writes.read(name, before=before, limit=limit)
    answer: dict[str, Any] = {"items": [_document(record) for record in found]}
    if len(found) == limit:
        answer["continue"] = found[-1].write.id
    return json_response(answer)


def _document(record: WriteRecord) -> dict[str, Any]:
    write, target = record.write, record.write.target
    return {
        "id": write.id,
        "account": write.account,
        "caller": write.caller,
        "command": write.command,
        "userAgent": write.user_agent,
        "gateway": write.gateway,
        "verb": target.verb.value,
        "resource": target.resource,
        "apiVersion": f"{target.group}/{target.version}" if target.group else target.version,
        "subresource": target.subresource,
        "namespace": target.namespace,
        "name": target.name,
        "dryRun": write.dry_run,
        "startedAt": record.begun,
        "finishedAt": record.finished,
        "outcome": record.outcome.value,
        "dispatched": record.dispatched,
        "code": record.status,
        "uid": record.uid,
        "resourceVersion": None if record.version is None else str(record.version),
    }
