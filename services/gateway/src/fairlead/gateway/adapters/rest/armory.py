"""``/armory`` and ``/agents``: the reading endpoints of Armory's Scale Agent plug-in, in its shapes.

There they had no authentication and relied on the network; here they need an API token with the verb read, as everything.
"""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.adapters.rest.calls import Call, json_response, route
from fairlead.gateway.adapters.rest.problems import Problem
from fairlead.gateway.core import armory
from fairlead.gateway.core.views import AccountView, ObjectQuery
from fairlead.gateway.errors import UnknownAccount, UnknownOperation
from fairlead.gateway.ports.links import LinkRecord
from fairlead.gateway.ports.operations import Filter
from fairlead.gateway.ports.rest import RestDesk

ITEMS = 100
ITEMS_LIMIT = 500
PAGE_LIMIT = 100
"""Pages are counted off from the newest operation; who looks further back takes ``/v1/operations``."""
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NAMESPACES_PAGE = 5000


def routes(desk: RestDesk) -> list[Route]:
    """The routes."""
    return [
        route("/armory/agents", agents, desk),
        route("/armory/agents/{id}", agent, desk),
        route("/armory/agent/operations", operations, desk),
        route("/armory/agent/operations/{id}", operation, desk),
        route("/agents/kubernetes/accounts/{name}", account, desk),
        route("/agents/kubernetes/accounts/{name}/namespaces", namespaces, desk),
    ]


async def agents(call: Call) -> Response:
    """Agents that are connected and serve an account that the caller may see."""
    call.only()
    return json_response(await _agents(call))


async def agent(call: Call) -> Response:
    """One of them."""
    call.only()
    for document in await _agents(call):
        if document["agentId"] == call.path("id"):
            return json_response(document)
    raise Problem(404, "no agent of this name is connected that this token may see (GET /armory/agents lists them)")


async def operations(call: Call) -> Response:
    """History of operations, newest first: ``items`` to a page, ``page`` from 1."""
    call.only("items", "page")
    items = call.number("items", ITEMS, largest=ITEMS_LIMIT)
    page = call.number("page", 1, largest=PAGE_LIMIT)
    before = ""
    for _ in range(page - 1):
        skipped = await call.desk.operations.find(Filter(accounts=call.grant.accounts, before=before, limit=items))
        if len(skipped) < items:
            return json_response([])
        before = skipped[-1].id
    found = await call.desk.operations.find(Filter(accounts=call.grant.accounts, before=before, limit=items))
    return json_response([armory.operation(each, call.desk.gateway) for each in found])


async def operation(call: Call) -> Response:
    """History of one operation."""
    call.only()
    found = await call.desk.operations.read(call.path("id").upper())
    if found is None or not call.grant.allows(found.account):
        raise UnknownOperation("there is no such operation that this token may see")
    return json_response(armory.operation(found, call.desk.gateway))


async def account(call: Call) -> Response:
    """One account; an empty object when there is none."""
    call.only()
    view = await _account(call)
    if view is None:
        return json_response({})
    serving = [link for link in await call.desk.links.read() if view.name in link.accounts]
    return json_response(armory.account(view, len(serving)))


async def namespaces(call: Call) -> Response:
    """Names of an account's namespaces: of the mirror, or those that the account is limited to; none of an unknown one."""
    call.only()
    view = await _account(call)
    if view is None:
        return json_response([])
    if view.namespaces:
        return json_response(sorted(view.namespaces))
    names: list[str] = []
    after: ObjectKey | None = None
    try:
        while True:
            query = ObjectQuery(view.name, NAMESPACES, limit=NAMESPACES_PAGE, after=after, bodies=False)
            found = await call.desk.mirror.objects(query)
            names += [stored.key.name for stored in found.objects]
            if not found.more:
                return json_response(names)
            after = found.objects[-1].key
    except UnknownAccount:  # removed just now
        return json_response([])


async def _account(call: Call) -> AccountView | None:
    name = call.path("name")
    if not call.grant.allows(name):
        return None
    return next((view for view in await call.desk.mirror.accounts() if view.name == name), None)


async def _agents(call: Call) -> list[armory.Document]:
    speaks = {view.name: view.agent for view in await call.desk.mirror.accounts()}
    newest: dict[str, LinkRecord] = {}
    for link in sorted(await call.desk.links.read(), key=lambda link: str(link.connected)):
        newest[link.agent] = link  # a connection that is changed for a new one counts once
    documents = []
    for link in newest.values():
        visible = [name for name in link.accounts if call.grant.allows(name)]
        if visible:
            caching = any(speaks.get(name) == link.agent for name in visible)
            documents.append(armory.agent(link.agent, link.gateway, visible, link.seen, caching=caching))
    return sorted(documents, key=lambda document: str(document["agentId"]))
