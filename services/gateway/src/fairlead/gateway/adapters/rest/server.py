"""REST as one application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from fairlead.gateway.adapters.rest import (
    accounts,
    armory,
    docs,
    openapi,
    operations,
    registration,
    tokens,
    writes,
)
from fairlead.gateway.adapters.rest.calls import json_response
from fairlead.gateway.adapters.rest.problems import problem, problem_of
from fairlead.gateway.ports.rest import RestDesk


def application(desk: RestDesk, version: str) -> Starlette:
    """Put the routes together."""
    document = openapi.document(version)

    async def machines(_: Request) -> Response:
        return json_response(document)

    async def people(_: Request) -> Response:
        return HTMLResponse(docs.page(document))

    async def ready(_: Request) -> Response:
        missing = desk.not_ready()
        if missing:
            told = [f"{name}: {what}" for name, what in missing.items()]
            return problem(503, "the gateway is not ready", problems=told, headers={"Retry-After": "2"})
        return json_response({"status": "UP"})

    async def unknown(_: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 404:
            return problem(404, "there is nothing here; GET /docs shows what there is")
        return problem_of(error)

    public = [Route("/openapi.json", machines), Route("/docs", people), Route("/readyz", ready)]
    parts = (operations, accounts, registration, tokens, writes, armory)
    routes = [*public, *(route for part in parts for route in part.routes(desk))]
    return Starlette(routes=routes, exception_handlers={HTTPException: unknown})
