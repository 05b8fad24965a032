"""An HTTP server in the place of an API server whose bodies are as long, as slow and as endless as a test wants."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

from fairlead.simcluster.listening import ListeningSite

CONTENT = b"0123456789abcdef" * 4096
"""64 KiB; /bytes repeats it."""
GZIPPED = gzip.compress(b'{"kind":"PodList","items":[]}' * 50, mtime=0)


@dataclass
class StreamingApi:
    """Answers by path, and remembers: requests as they came, streams that are open, writes that took effect."""

    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    audit_ids: list[str] = field(default_factory=list)
    """Of writes that took effect."""
    open: int = 0
    """Streams under way."""
    sent: int = 0
    """Bytes of /bytes that the transport took."""
    events: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, /watch sends one event more."""
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, /held answers."""
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/bytes/{count}", self._bytes)
        app.router.add_get("/watch", self._watch)
        app.router.add_get("/gzip", self._gzip)
        app.router.add_get("/cut", self._cut)
        app.router.add_get("/status/{code}", self._status)
        app.router.add_get("/large-head", self._large_head)
        app.router.add_route("*", "/held", self._held)
        app.router.add_post("/early", self._early)
        app.router.add_route("*", "/{path:.*}", self._echo)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await ListeningSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _echo(self, request: web.Request) -> web.Response:
        if request.path.startswith("/apis/authentication.k8s.io/"):
            return web.Response(status=404)  # the executor's introduction
        body = await request.read()
        self._took(request, body)
        return web.Response(
            status=201 if request.method == "POST" else 200, body=body, headers={"X-Seen": request.method}
        )

    def _took(self, request: web.Request, body: bytes) -> None:
        self.requests.append(request)
        self.bodies.append(body)
        if request.method not in ("GET", "HEAD"):
            self.audit_ids.append(request.headers["Audit-ID"])

    async def _held(self, request: web.Request) -> web.Response:
        self._took(request, await request.read())
        self.open += 1
        try:
            await self.answering.wait()
        finally:
            self.open -= 1
        return web.Response(text="at last")

    async def _early(self, request: web.Request) -> web.Response:
        return web.Response(status=413, text="too large")

    async def _gzip(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        return web.Response(body=GZIPPED, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})

    async def _status(self, request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["code"]), headers={"Retry-After": "1"})

    async def _large_head(self, request: web.Request) -> web.Response:
        return web.Response(headers={"Warning": '299 - "' + "w" * 20_000 + '"'})

    async def _bytes(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        self.open += 1
        try:
            for _ in range(int(request.match_info["count"])):
                await response.write(CONTENT)
                self.sent += len(CONTENT)
        finally:
            self.open -= 1
        return response

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self.open += 1
        try:
            while True:
                await self.events.wait()
                self.events.clear()
                await response.write(b'{"type":"ADDED"}\n')
        finally:
            self.open -= 1

    async def _cut(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        if request.transport is not None:
            request.transport.close()
        return response
