"""``/v1/tokens``: credentials of agents and callers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from fairlead.gateway.adapters.rest.calls import Call, json_response, route
from fairlead.gateway.adapters.rest.problems import Problem
from fairlead.gateway.core.tokens import VERBS, Grant, Kind, TokenRecord, Verb
from fairlead.gateway.ports.rest import RestDesk

BODY_LIMIT_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
"""Stands in paths as it is, so that each token can be revoked."""


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of ``POST /v1/tokens``."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    kind: Kind
    accounts: Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=253)]], msgspec.Meta(min_length=1)]
    verbs: list[Verb] = []
    expires_in_seconds: Annotated[int, msgspec.Meta(gt=0, le=10 * 365 * 86400)] | None = None


def routes(desk: RestDesk) -> list[Route]:
    """The routes."""
    return [
        route("/v1/tokens", create, desk, method="POST", verb=Verb.ADMIN),
        route("/v1/tokens", find, desk, verb=Verb.ADMIN),
        route("/v1/tokens/{name}", revoke, desk, method="DELETE", verb=Verb.ADMIN),
    ]


async def create(call: Call) -> Response:
    """Make a token; its text is in this answer and nowhere else."""
    call.only()
    try:
        wanted = msgspec.json.decode(await call.body(BODY_LIMIT_BYTES), type=TokenRequest)
    except msgspec.ValidationError as error:
        raise Problem(400, str(error)) from None
    except msgspec.DecodeError:
        raise Problem(400, "the body is no JSON") from None
    if not _NAME.fullmatch(wanted.name):
        raise Problem(400, "`name` is made of letters, digits and . _ @ -, and begins with a letter or digit")
    _check_verbs(wanted)
    expires = None
    if wanted.expires_in_seconds is not None:
        expires = datetime.now(UTC) + timedelta(seconds=wanted.expires_in_seconds)
    grant = Grant(wanted.name, wanted.kind, tuple(wanted.accounts), frozenset(wanted.verbs), expires=expires)
    record, token = await call.desk.tokens.create(grant, by=call.grant.name)
    return json_response({**_document(record), "token": token}, 201)


def _check_verbs(wanted: TokenRequest) -> None:
    known = VERBS[wanted.kind]
    if known and not wanted.verbs:
        told = ", ".join(verb for verb in Verb if verb in known)
        raise Problem(400, f"a token of kind `{wanted.kind}` needs `verbs`: {told}")
    strange = [verb.value for verb in wanted.verbs if verb not in known]
    if strange:
        raise Problem(400, f"a token of kind `{wanted.kind}` cannot have these verbs", problems=strange)


async def find(call: Call) -> Response:
    """Every token, without its text."""
    call.only()
    return json_response({"items": [_document(record) for record in await call.desk.tokens.read()]})


async def revoke(call: Call) -> Response:
    """Revoke a token."""
    call.only()
    if not await call.desk.tokens.revoke(call.path("name")):
        raise Problem(404, "there is no such token in the database; one of the settings is revoked there")
    return Response(status_code=204)


def _document(record: TokenRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "kind": record.kind.value,
        "accounts": record.accounts,
        "verbs": sorted(verb.value for verb in record.verbs),
        "createdAt": record.created,
        "createdBy": record.created_by,
        "expiresAt": record.expires,
        "revokedAt": record.revoked,
    }
