"""The HTTPS listener: uvicorn within the service's event loop."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ssl import SSLError
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from fairlead.gateway.core.doors import Door
from fairlead.runtime import logfields
from fairlead.runtime.errors import ConfigurationError, chain
from fairlead.runtime.logs import get_logger

log = get_logger()
CONNECTIONS = 4096
"""Each costs some 100 KB with TLS. What one account may have of it is the facade's to bound, in its own words: uvicorn's
answer beyond this is a bare 503."""
BACKLOG = 1024
IDLE_S = 90
"""How long an unused connection stays open: as long as Go's servers keep theirs, so that clients in Go do not meet a close."""
HEAD_S = 30.0
"""Time for the head of a request, from the connection on and from its first byte on."""
HEAD_BYTES = 256 * 1024
GRACE_S = 3
EXPECTED = (
    "ASGI callable returned without completing response.",
    "Unsupported upgrade request.",
    "No supported WebSocket",
)
"""What uvicorn says of answers that break off, as they have to, and of upgrades that are refused: nothing to look into."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the service has its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(H11Protocol):
    """Ends connections on which a request does not come to its head's end: strangers may open them, and there is room for so many only."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._forget_head()

    def _watch_head(self) -> None:
        """Measure the time while bytes have come and no request is under way."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn declares it as always there
        if cycle is not None and not cycle.response_complete:
            self._forget_head()
        elif self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(HEAD_S, self.transport.abort)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


@dataclass(frozen=True)
class Listener:
    """An open listener: its port, and the work that serves it until `stop`."""

    port: int
    serve: Callable[[], Coroutine[Any, Any, None]]
    stop: Callable[[], Coroutine[Any, Any, None]]


@asynccontextmanager
async def listen(door: Door, app: ASGIApp) -> AsyncIterator[Listener]:
    """Bind the listener, and close it at the end of the context.

    Raises:
        ConfigurationError: files that cannot be used, a port that is taken.

    """
    listener = _bind(door)
    config = uvicorn.Config(
        app,
        http=_Protocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=IDLE_S,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=door.cert_file if door.tls else None,
        ssl_keyfile=door.key_file if door.tls else None,
    )
    try:
        config.load()
    except (SSLError, OSError) as error:
        listener.close()
        raise ConfigurationError(f"{door.name}.tls.certFile, keyFile: they cannot be used ({chain(error)})") from error
    logging.getLogger("uvicorn.error").addFilter(_is_unexpected)
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
    log.info("REST and the Kubernetes API listen", **{
        logfields.ADDRESS: f"{door.bind_host}:{port}", logfields.KIND: "tls" if door.tls else "plain text"})  # fmt: skip
    try:
        yield Listener(port, serve, stop)
    finally:
        listener.close()


def _is_unexpected(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(EXPECTED)


def _keep_alive(listener: socket.socket) -> None:
    """Let the kernel find clients that went without a word, on all connections: they inherit the listener's options."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):  # not on every platform
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _bind(door: Door) -> socket.socket:
    family = socket.AF_INET6 if ":" in door.bind_host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's algorithm off only for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _keep_alive(listener)
    try:
        listener.bind((door.bind_host.strip("[]"), door.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"{door.name}.port: cannot listen on {door.bind_host}:{door.port} ({error.strerror}); is the port taken, and"
            f" {door.name}.host an address of this machine?"
        ) from error
    listener.setblocking(False)
    return listener
