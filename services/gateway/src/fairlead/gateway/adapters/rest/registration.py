"""``/v1/registrations`` and ``/v1/accounts/{name}/registration``: accounts in Clouddriver, and giving accounts up."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from fairlead.gateway.adapters.rest.calls import Call, json_response, route
from fairlead.gateway.adapters.rest.problems import Problem
from fairlead.gateway.core.tokens import Verb
from fairlead.gateway.errors import UnknownAccount
from fairlead.gateway.ports.registration import Registration
from fairlead.gateway.ports.rest import RestDesk

BODY_LIMIT_BYTES = 4096


class RegistrationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of ``POST /v1/accounts/{name}/registration``; may be left out."""

    adopt: bool = False
    """Take over an account that stands in Clouddriver and is not ours."""


def routes(desk: RestDesk) -> list[Route]:
    """The routes."""
    path = "/v1/accounts/{name}/registration"
    return [
        route("/v1/registrations", registrations, desk),
        route(path, read, desk),
        route(path, register, desk, method="POST", verb=Verb.ADMIN),
        route(path, unregister, desk, method="DELETE", verb=Verb.ADMIN),
        route("/v1/accounts/{name}", remove, desk, method="DELETE", verb=Verb.ADMIN),
    ]


async def registrations(call: Call) -> Response:
    """How every account that the caller may see stands in Clouddriver."""
    call.only()
    found = await call.desk.registrations.read()
    return json_response({"items": [_document(each) for each in found if call.grant.allows(each.account)]})


async def read(call: Call) -> Response:
    """How an account stands in Clouddriver."""
    call.only()
    return json_response(_document(await call.desk.registrations.find(_visible(call))))


async def register(call: Call) -> Response:
    """Register an account (again): 202, it is done within seconds."""
    call.only()
    body = await call.body(BODY_LIMIT_BYTES)
    try:
        wanted = msgspec.json.decode(body, type=RegistrationRequest) if body else RegistrationRequest()
    except msgspec.ValidationError as error:
        raise Problem(400, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem(400, "the body is no JSON") from None
    name = _visible(call)
    done = await call.desk.registrations.register(name, adopt=wanted.adopt, by=call.grant.name)
    return json_response(_document(done), 202)


async def unregister(call: Call) -> Response:
    """Take an account out of Clouddriver, and keep it out: 202."""
    call.only()
    return json_response(_document(await call.desk.registrations.unregister(_visible(call), by=call.grant.name)), 202)


async def remove(call: Call) -> Response:
    """Remove an account: 202; out of Clouddriver first, then its rows."""
    call.only()
    return json_response(_document(await call.desk.registrations.remove(_visible(call), by=call.grant.name)), 202)


def _visible(call: Call) -> str:
    name = call.path("name")
    if not call.grant.allows(name):
        raise UnknownAccount("there is no such account that this token may see (GET /v1/accounts lists them)")
    return name


def _document(found: Registration) -> dict[str, Any]:
    record = found.record
    return {
        "account": found.account,
        "wanted": record.wanted.value,
        "state": record.state.value,
        "message": record.message,
        "since": record.since,
        "by": record.by,
        "digest": record.digest,
        "putAt": record.put,
        "loadedAt": record.loaded,
        "attempts": record.attempts,
        "nextAt": found.next,
        "missingSeconds": round(found.missing_s, 1),
    }
