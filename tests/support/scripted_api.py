"""An HTTP server that answers as it is told and remembers what it was asked, for the faults no real server has."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from aiohttp import web

from fairlead.simcluster.listening import ListeningSite

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping


class Seen(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One scripted answer: its chunks one by one, then the ``ending``: a proper end, a cut, or silence."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    chunks: tuple[bytes, ...] = ()
    ending: str = "proper"


def reply(value: Any, status: int = 200, **headers: str) -> Reply:
    """Answer with a JSON value."""
    body = json.dumps(value, separators=(",", ":")).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Reply(status, {"Content-Type": "application/json"} | named, (body,))


def failure(code: int, reason: str, message: str = "", **details: Any) -> Reply:
    """Answer with a Status object."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
    return reply(status | {"message": message, "details": details}, code)


class ScriptedApi:
    """Async context manager; ``on`` scripts a path's answers in turn, the last of them for ever."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self._tls = tls
        self._script: defaultdict[str, list[Reply]] = defaultdict(list)
        self._released = asyncio.Event()
        self.url = ""

    def on(self, path: str, *replies: Reply) -> None:
        """Script the answers of a path, whatever the method."""
        self._script[path] = list(replies)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await ListeningSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        port = self._runner.addresses[0][1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._released.set()
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.seen.append(Seen(request.method, request.raw_path, dict(request.query), request.headers.copy(), body))
        script = self._script[request.path]
        if not script:
            return web.Response(status=404, text="404 page not found")
        answer = script.pop(0) if len(script) > 1 else script[0]
        if answer.ending == "cut" and not answer.chunks:
            return self._cut(request, web.StreamResponse())
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(request)
        for chunk in answer.chunks:
            await response.write(chunk)
        if answer.ending == "cut":
            return self._cut(request, response)
        if answer.ending == "silence":
            await self._released.wait()
        await response.write_eof()
        return response

    @staticmethod
    def _cut(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """Close the connection without a proper end of the answer."""
        if request.transport is not None:
            request.transport.close()
        return response


def kubeconfig_of(server: str, user: str = "{token: sesame}", cluster: str = "") -> str:
    """Write a kubeconfig with one context, ``here``; ``user`` and ``cluster`` are YAML."""
    return f"""
apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "{server}"{cluster}}}}}]
users: [{{name: u, user: {user}}}]
"""
