"""Health and metrics listeners, in threads of their own so that they answer while the event loop is busy.

``/livez`` tells whether the event loop turns, ``/readyz`` and Armory's ``/health`` whether the services can work.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from socketserver import TCPServer

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server

from fairlead.runtime import logfields
from fairlead.runtime.errors import ConfigurationError, chain
from fairlead.runtime.logs import get_logger
from fairlead.runtime.sections import HealthSettings

log = get_logger()
STALL_S = 30.0
"""An event loop that did not turn for so long is dead."""
TICK_S = 1.0


@dataclass
class Health:
    """What the listeners answer, and where they listen."""

    not_ready: Callable[[], dict[str, str]]
    port: int = 0
    metrics_port: int = 0
    _ticked: float = field(default_factory=time.monotonic)
    _missing: dict[str, str] = field(default_factory=lambda: {"service": "starting"})

    async def tick(self) -> None:
        """Keep telling that the event loop turns, and what readiness lacks; a task of the service."""
        while True:
            self.refresh()
            await asyncio.sleep(TICK_S)

    def refresh(self) -> None:
        """Ask the readiness questions now."""
        self._ticked = time.monotonic()
        self._missing = self.not_ready()

    def answer(self, path: str) -> tuple[int, dict[str, object]]:
        """Status and body for a path."""
        if path == "/livez":
            stalled_s = time.monotonic() - self._ticked
            return (
                (200, {"status": "UP"})
                if stalled_s < STALL_S
                else (503, {"status": "DOWN", "stalled_s": round(stalled_s)})
            )
        if path in ("/readyz", "/health"):
            return (503, {"status": "DOWN", "missing": self._missing}) if self._missing else (200, {"status": "UP"})
        return 404, {"status": "there is /livez, /readyz and /health"}


@asynccontextmanager
async def listen(
    settings: HealthSettings, not_ready: Callable[[], dict[str, str]], figures: CollectorRegistry = REGISTRY
) -> AsyncIterator[Health]:
    """Open both listeners until the context ends; ports of 0 are taken from the system and told in the result.

    Who asks for OpenMetrics gets the figures with their exemplars.
    """
    health = Health(not_ready)
    if not settings.enabled:
        yield health
        return
    server = _bind(settings, health)
    health.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="health", daemon=True)
    thread.start()
    try:
        metrics, metrics_thread = start_http_server(settings.metrics_port, settings.host, figures)
    except OSError as error:
        _shut(server, thread)
        raise ConfigurationError(
            f"health.metricsPort: cannot listen on {settings.metrics_port} ({error.strerror})"
        ) from error
    health.metrics_port = metrics.server_port
    log.info(
        "health and metrics listen",
        **{logfields.ADDRESS: f"{settings.host}:{health.port} {settings.host}:{health.metrics_port}"},
    )
    try:
        yield health
    finally:
        await asyncio.to_thread(_shut, server, thread)
        await asyncio.to_thread(_shut, metrics, metrics_thread)


def _bind(settings: HealthSettings, health: Health) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a silent connection does not keep its thread

        def do_GET(self) -> None:
            status, body = health.answer(self.path.split("?")[0])
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            """Probes are not logged."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET

        def server_bind(self) -> None:
            TCPServer.server_bind(self)  # HTTPServer's own asks DNS for the name of the host, which may take long

        def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base class has them
            error = sys.exception()
            if error is not None and not isinstance(error, OSError):  # a probe that did not wait is no news
                log.error("a probe could not be answered", **{logfields.ERROR: chain(error)})

    try:
        return Server((settings.host, settings.port), Handler)
    except OSError as error:
        raise ConfigurationError(f"health.port: cannot listen on {settings.port} ({error.strerror})") from error


def _shut(server: HTTPServer, thread: threading.Thread) -> None:
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)
