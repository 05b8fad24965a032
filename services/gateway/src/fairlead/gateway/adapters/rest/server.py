"""The HTTPS listener: uvicorn within the service's event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ssl import SSLError
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from fairlead.gateway.adapters.rest import accounts, docs, openapi, operations, tokens
from fairlead.gateway.adapters.rest.calls import json_response
from fairlead.gateway.adapters.rest.problems import problem, problem_of
from fairlead.gateway.core.doors import Door
from fairlead.gateway.ports.rest import RestDesk
from fairlead.runtime import logfields
from fairlead.runtime.errors import ConfigurationError, chain
from fairlead.runtime.logs import get_logger

log = get_logger()
CONCURRENT_REQUESTS = 1024
BACKLOG = 256
GRACE_S = 3


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
    routes = [*public, *operations.routes(desk), *accounts.routes(desk), *tokens.routes(desk)]
    return Starlette(routes=routes, exception_handlers={HTTPException: unknown})


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the service has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class Listener:
    """An open listener: its port, and the work that serves it until `stop`."""

    port: int
    serve: Callable[[], Coroutine[Any, Any, None]]
    stop: Callable[[], Awaitable[None]]


@asynccontextmanager
async def listen(door: Door, app: Starlette) -> AsyncIterator[Listener]:
    """Bind the listener, and close it at the end of the context.

    Raises:
        ConfigurationError: files that cannot be used, a port that is taken.

    """
    listener = _bind(door)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        limit_concurrency=CONCURRENT_REQUESTS,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=door.cert_file if door.tls else None,
        ssl_keyfile=door.key_file if door.tls else None,
    )
    try:
        config.load()
    except (SSLError, OSError) as error:
        listener.close()
        raise ConfigurationError(f"{door.name}.tls: certificate and key cannot be used ({chain(error)})") from error
    server = _Server(config)
    ended = asyncio.Event()

    async def serve() -> None:
        try:
            await server.serve(sockets=[listener])
        finally:
            ended.set()

    async def stop() -> None:
        server.should_exit = True
        await ended.wait()

    port = listener.getsockname()[1]
    log.info("REST listens", **{
        logfields.ADDRESS: f"{door.bind_host}:{port}", logfields.KIND: "tls" if door.tls else "plain text"})  # fmt: skip
    try:
        yield Listener(port, serve, stop)
    finally:
        listener.close()


def _bind(door: Door) -> socket.socket:
    family = socket.AF_INET6 if ":" in door.bind_host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's algorithm off only for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((door.bind_host.strip("[]"), door.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"{door.name}: cannot listen on {door.bind_host}:{door.port} ({error.strerror}); is the port taken?"
        ) from error
    listener.setblocking(False)
    return listener
