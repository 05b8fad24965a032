"""``/v1/accounts`` and what the mirror holds of them; ``/v1/agents``."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.adapters.rest.calls import Call, json_response, route
from fairlead.gateway.adapters.rest.problems import Problem
from fairlead.gateway.core.claims import ClusterIdentity
from fairlead.gateway.core.selectors import parse_selector
from fairlead.gateway.core.tokens import Verb
from fairlead.gateway.core.views import AccountView, ObjectQuery, ResourceView, StoredObject
from fairlead.gateway.errors import UnknownAccount
from fairlead.gateway.ports.links import LinkRecord
from fairlead.gateway.ports.rest import RestDesk

PAGE = 500
PAGE_LIMIT = 5000


def routes(desk: RestDesk) -> list[Route]:
    """The routes."""
    return [
        route("/v1/agents", agents, desk),
        route("/v1/accounts", accounts, desk),
        route("/v1/accounts/{name}", account, desk),
        route("/v1/accounts/{name}/accept", accept, desk, method="POST", verb=Verb.ADMIN),
        route("/v1/accounts/{name}/resources", resources, desk),
        route("/v1/accounts/{name}/objects", objects, desk),
    ]


async def agents(call: Call) -> Response:
    """Agents that are connected to any gateway and serve an account that the caller may see."""
    call.only()
    records = await call.desk.links.read()
    visible = [record for record in records if any(map(call.grant.allows, record.accounts))]
    return json_response({"items": [_agent(record, call) for record in visible]})


async def accounts(call: Call) -> Response:
    """Every account that the caller may see."""
    call.only()
    links = await call.desk.links.read()
    views = [view for view in await call.desk.mirror.accounts() if call.grant.allows(view.name)]
    return json_response({"items": [_account(view, links, call.desk.facade_url) for view in views]})


async def account(call: Call) -> Response:
    """One account."""
    call.only()
    name = _visible(call)
    for view in await call.desk.mirror.accounts():
        if view.name == name:
            return json_response(_account(view, await call.desk.links.read(), call.desk.facade_url))
    raise _unknown()


async def accept(call: Call) -> Response:
    """Give an account to the cluster whose claim was refused last; the rows of the former one go."""
    call.only()
    await call.desk.mirror.accept_cluster(_visible(call))
    return await account(call)


async def resources(call: Call) -> Response:
    """State and freshness of everything that is watched of an account."""
    call.only()
    views = await call.desk.mirror.resources(_visible(call))
    return json_response({"items": [_resource(view) for view in views]})


async def objects(call: Call) -> Response:
    """Objects of one resource, as they were sent, with what is known about them."""
    call.only("resource", "kind", "namespace", "name", "labelSelector", "limit", "continue", "bodies")
    name = _visible(call)
    views = await call.desk.mirror.resources(name, counted=False)
    resource = _wanted(call, views)
    bodies = call.query.get("bodies", "true") != "false"
    query = ObjectQuery(
        account=name,
        resource=resource,
        namespace=call.query.get("namespace"),
        name=call.query.get("name"),
        labels=parse_selector(call.query.get("labelSelector", "")),
        limit=call.number("limit", PAGE, largest=PAGE_LIMIT),
        after=_after(call.query.get("continue", "")),
        bodies=bodies,
    )
    page = await call.desk.mirror.objects(query)
    answer: dict[str, Any] = {
        "account": name,
        "resource": resource.name,
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "freshness": [_freshness(view) for view in views if _same(view.resource, resource)],
        "change": page.change,
        "items": [_object(stored, bodies=bodies) for stored in page.objects],
    }
    if page.more and page.objects:
        answer["continue"] = _token(page.objects[-1].key)
    return json_response(answer)


def _visible(call: Call) -> str:
    name = call.path("name")
    if not call.grant.allows(name):
        raise _unknown()
    return name


def _unknown() -> UnknownAccount:
    return UnknownAccount("there is no such account that this token may see (GET /v1/accounts lists them)")


def _wanted(call: Call, views: Sequence[ResourceView]) -> Resource:
    """The one resource that ``resource=deployments.apps`` or ``kind=Deployment`` means; a plural is a kind too."""
    by_name, by_kind = call.query.get("resource", ""), call.query.get("kind", "")
    if bool(by_name) == bool(by_kind):
        raise Problem(400, "say which objects: `resource=deployments.apps` or `kind=Deployment`")
    known = list({(view.resource.group, view.resource.plural): view.resource for view in views}.values())
    if by_name:
        exact = [each for each in known if each.name == by_name]
        found = exact or [each for each in known if each.plural == by_name]
    else:
        kind, _, group = by_kind.partition(".")
        called = kind.lower()
        found = [
            each for each in known if called in (each.kind.lower(), each.plural) and (not group or each.group == group)
        ]
    if len(found) == 1:
        return found[0]
    names = sorted(each.name for each in found or known)
    if found:
        raise Problem(400, "more than one resource is called that; name one of them by `resource`", problems=names)
    raise Problem(404, "the account has no such resource; it has these", problems=names)


def _same(one: Resource, other: Resource) -> bool:
    return (one.group, one.plural) == (other.group, other.plural)


def _after(token: str) -> ObjectKey | None:
    if not token:
        return None
    try:
        namespace, name = msgspec.json.decode(base64.urlsafe_b64decode(token), type=tuple[str, str])
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise Problem(400, "`continue` is no token of this API; begin again without it") from None
    return ObjectKey(namespace, name)


def _token(key: ObjectKey) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(tuple(key))).decode()


def _object(stored: StoredObject, *, bodies: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "namespace": stored.key.namespace,
        "name": stored.key.name,
        "uid": stored.uid,
        "resourceVersion": str(stored.version),
        "epoch": stored.epoch,
        "createdAt": stored.created,
        "updatedAt": stored.updated,
        "change": stored.change,
        "labels": stored.labels,
        "owners": stored.owners,
        "redacted": stored.redacted,
        "withheld": stored.withheld,
    }
    if bodies:
        answer["object"] = msgspec.Raw(stored.body) if stored.body else None
    return answer


def _resource(view: ResourceView) -> dict[str, Any]:
    resource = view.resource
    return {
        "resource": resource.name,
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "namespaced": resource.namespaced,
        "rows": view.rows,
        "epoch": view.epoch,
        **_freshness(view),
    }


def _freshness(view: ResourceView) -> dict[str, Any]:
    return {
        "namespace": view.namespace,
        "state": view.state.value,
        "since": view.since,
        "message": view.message,
        "checkpoint": None if view.checkpoint is None else str(view.checkpoint),
        "confirmedAt": view.confirmed,
        "heardAt": view.heard,
        "writing": view.writing,
    }


def _account(view: AccountView, links: Sequence[LinkRecord], facade_url: str) -> dict[str, Any]:
    serving = [link for link in links if view.name in link.accounts]
    answer: dict[str, Any] = {
        "name": view.name,
        "cluster": _cluster(view.cluster),
        "mode": view.mode,
        "zone": view.zone,
        "serverVersion": view.server_version,
        "namespaces": view.namespaces,
        "permissions": {"READ": view.read_roles, "WRITE": view.write_roles, "EXECUTE": view.execute_roles},
        "claimedAt": view.claimed,
        "connected": bool(serving),
        "agents": sorted(link.agent for link in serving),
        "refused": None,
        "facadeUrl": facade_url or None,
    }
    if view.refusal is not None:
        answer["refused"] = {
            "cluster": _cluster(view.refusal.cluster),
            "zone": view.refusal.zone,
            "agent": view.refusal.agent,
            "since": view.refusal.since,
        }
    return answer


def _cluster(cluster: ClusterIdentity) -> dict[str, str]:
    return {"uid": cluster.uid, "server": cluster.server, "caFingerprint": cluster.ca_fingerprint}


def _agent(record: LinkRecord, call: Call) -> dict[str, Any]:
    return {
        "agent": record.agent,
        "zone": record.zone,
        "mode": record.mode,
        "softwareVersion": record.software_version,
        "gateway": record.gateway,
        "credential": record.credential,
        "connectedAt": record.connected,
        "seenAt": record.seen,
        "accounts": [name for name in record.accounts if call.grant.allows(name)],
    }
