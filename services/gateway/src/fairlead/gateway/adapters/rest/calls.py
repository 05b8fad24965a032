"""One call of the API: who makes it, what it may do, what it says; and the answer, counted."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from fairlead.gateway.adapters.rest.problems import Problem, problem_of
from fairlead.gateway.core.tokens import Grant, Kind, Verb, bearer
from fairlead.gateway.errors import DatabaseUnavailable, NotAuthenticated, NotGranted
from fairlead.gateway.ports.rest import RestDesk
from fairlead.runtime import metrics

DATABASE = "database"
"""Condition of readiness without which no call can be answered; told at once instead of after waiting for it."""
_DURATION = re.compile(r"(?P<number>\d{1,6}(\.\d{1,3})?)(?P<unit>ms|s|m)?")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, slots=True)
class Call:
    """A call by somebody known."""

    request: Request
    desk: RestDesk
    grant: Grant

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters."""
        return self.request.query_params

    def path(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def only(self, *known: str) -> None:
        """Refuse parameters that the call does not know."""
        unknown = sorted(set(self.query) - set(known))
        if unknown:
            raise Problem(400, f"unknown parameters; known are {', '.join(sorted(known)) or 'none'}", problems=unknown)

    def must_cover(self, account: str, verb: Verb) -> None:
        """Refuse what the caller's token does not grant."""
        if verb not in self.grant.verbs:
            raise NotGranted(f"the token {self.grant.name!r} lacks the verb `{verb.value}`")
        if not self.grant.allows(account):
            raise NotGranted(f"the token {self.grant.name!r} is not granted account {account!r}")

    def number(self, name: str, default: int, *, largest: int) -> int:
        """A whole number among the parameters, from 1 up."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= largest:
            raise Problem(400, f"`{name}` must be a whole number from 1 to {largest}")
        return int(text)

    def seconds(self, name: str, default: float | None, *, largest: float) -> float | None:
        """A duration among the parameters: ``30s``, ``500ms``, ``2m`` or seconds."""
        text = self.query.get(name)
        if text is None:
            return default
        found = _DURATION.fullmatch(text)
        seconds = float(found["number"]) * _UNITS_S[found["unit"] or "s"] if found else -1.0
        if not 0 <= seconds <= largest:
            raise Problem(400, f"`{name}` must be a duration like 30s, 500ms or 2m, at most {largest:g}s")
        return seconds

    async def body(self, limit_bytes: int) -> bytes:
        """Read the body, at most so much of it."""
        pieces = []
        size = 0
        async for piece in self.request.stream():
            size += len(piece)
            if size > limit_bytes:
                raise Problem(413, f"the body is larger than {limit_bytes} bytes")
            pieces.append(piece)
        return b"".join(pieces)


Handler = Callable[[Call], Awaitable[Response]]


def route(path: str, handler: Handler, desk: RestDesk, *, method: str = "GET", verb: Verb = Verb.READ) -> Route:
    """A route for callers whose token has the verb."""

    async def endpoint(request: Request) -> Response:
        try:
            call = Call(request, desk, await _caller(request, desk, verb))
            if DATABASE in desk.not_ready():
                raise DatabaseUnavailable("the gateway's database is away for now")
            response = await handler(call)
        except ClientDisconnect:
            response = Response(status_code=499)
        except Exception as error:  # noqa: BLE001 - every failure has an answer
            response = problem_of(error)
        metrics.GATEWAY_REQUESTS.labels(f"{method} {path}", str(response.status_code)).inc()
        return response

    return Route(path, endpoint, methods=[method])


async def _caller(request: Request, desk: RestDesk, verb: Verb) -> Grant:
    token = bearer(request.headers.get("authorization", ""))
    grant = await desk.tokens.by_token(token, Kind.API)
    if grant is None:
        raise NotAuthenticated(
            "present a valid API token (Authorization: Bearer …); it may have been revoked or have expired"
        )
    if verb not in grant.verbs:
        raise NotGranted(f"the token {grant.name!r} lacks the verb `{verb.value}`")
    return grant


def json_response(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(document), status, headers=headers, media_type="application/json")
