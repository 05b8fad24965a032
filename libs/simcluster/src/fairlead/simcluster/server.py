"""The HTTPS server: aiohttp in front of the handlers, with authentication, faults, the request log and watch streams."""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

from aiohttp import web

from fairlead.simcluster.api.dispatch import OPEN_PATHS, Answer, WatchAnswer, failure, handle, json_answer
from fairlead.simcluster.api.routes import ANONYMOUS, Request, Target, User, parse_target, verb_of
from fairlead.simcluster.api.watching import error_line
from fairlead.simcluster.errors import PlainNotFoundError, unauthorized
from fairlead.simcluster.faults import OpenWatch, refusal
from fairlead.simcluster.requests import LoggedRequest

if TYPE_CHECKING:
    from fairlead.simcluster.faults import Faults, Rule
    from fairlead.simcluster.requests import RequestLog
    from fairlead.simcluster.state import State

CHUNK_BYTES: Final = 256 * 1024
DEFAULT_WATCH_TIMEOUT_S: Final = 2700.0
DROP_S: Final = 5.0
"""How long a handler waits at most to be cancelled after its connection was broken."""
LAST_BOOKMARK_S: Final = 2.0
"""A watch gets a bookmark this long before its time is over, as the real server's watch cache does."""


@dataclass(slots=True)
class Gate:
    """Who is let in: tokens by text, client certificates by their subject."""

    tokens: dict[str, User] = field(default_factory=dict)

    def user(self, authorization: str, certificate: dict[str, Any] | None) -> User | None:
        """The user of a request, anonymous without credentials, None for a wrong token."""
        if certificate:
            subject = [pair for parts in certificate.get("subject", ()) for pair in parts]
            groups = tuple(value for name, value in subject if name == "organizationName")
            name = next((value for kind, value in subject if kind == "commonName"), "")
            return User(name, (*groups, "system:authenticated"))
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return ANONYMOUS
        return self.tokens.get(token.strip())


class Server:
    """Serves one cluster's state."""

    def __init__(self, state: State, gate: Gate, faults: Faults, log: RequestLog) -> None:
        self._state = state
        self._gate = gate
        self._faults = faults
        self._log = log
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> None:
        """Listen; `port` 0 takes a free one."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=context, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End the watches and stop listening."""
        self._faults.cut_watches()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, raw: web.Request) -> web.StreamResponse:
        audit_id = raw.headers.get("Audit-ID") or str(uuid.uuid4())
        certificate = raw.get_extra_info("peercert") if raw.transport else None
        user = self._gate.user(raw.headers.get("Authorization", ""), certificate)
        request = Request(
            raw.method,
            raw.path,
            dict(raw.query),
            {name.lower(): value for name, value in raw.headers.items()},
            await raw.read() if raw.body_exists else b"",
            user or ANONYMOUS,
        )
        target, verb = _about(request)
        entry = self._logged(raw, request, target, verb, audit_id)
        headers = {"Audit-Id": audit_id, "Cache-Control": "no-cache, private"}
        if user is None:
            return await self._send(raw, failure(unauthorized()), headers, entry)
        rules = self._faults.meet(target, verb, user)
        refused = await self._suffer(raw, rules, target=target, verb=verb, user=user)
        if refused is None:
            refused = self._unauthorized(target, verb, request)
        if refused is not None:
            return await self._send(raw, refused, headers, entry)
        answer = handle(self._state, request)
        if any(rule.hang_up for rule in rules):
            await _drop(raw)
        if isinstance(answer, WatchAnswer):
            cut_after = next((rule.cut_after_bytes for rule in rules if rule.cut_after_bytes is not None), None)
            return await self._stream(raw, answer, headers=headers, entry=entry, cut_after=cut_after)
        return await self._send(raw, answer, headers, entry)

    def _logged(
        self, raw: web.Request, request: Request, target: Target | None, verb: str, audit_id: str
    ) -> LoggedRequest:
        return self._log.add(
            LoggedRequest(
                time=time.time(),
                method=raw.method,
                path=raw.path,
                query=raw.query_string,
                verb=verb,
                resource=target.key if target else "",
                user=request.user.name,
                user_agent=request.agent,
                audit_id=audit_id,
                accept=raw.headers.get("Accept", ""),
            )
        )

    async def _suffer(
        self, raw: web.Request, rules: list[Rule], *, target: Target | None, verb: str, user: User
    ) -> Answer | None:
        for rule in rules:
            if rule.delay_s > 0:
                await asyncio.sleep(rule.delay_s)
            if rule.hang_up and not rule.after_handling:
                await _drop(raw)
            if rule.forbids and target is not None:
                return failure(refusal(target, verb, user))
            if rule.error is not None and rule.plain_text:
                retry = {"Retry-After": str(rule.error.retry_after_s)}
                return Answer(rule.error.code, [rule.error.message.encode() + b"\n"], "text/plain", retry)
            if rule.error is not None:
                return failure(rule.error)
        return None

    def _unauthorized(self, target: Target | None, verb: str, request: Request) -> Answer | None:
        if not request.user.anonymous or request.path in OPEN_PATHS:
            return None
        if target is not None:
            return failure(refusal(target, verb, request.user))
        why = f'forbidden: User "{request.user.name}" cannot get path "{request.path}"'
        return json_answer(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": why,
                "reason": "Forbidden",
                "details": {},
                "code": 403,
            },
            403,
        )

    async def _send(
        self, raw: web.Request, answer: Answer, headers: dict[str, str], entry: LoggedRequest
    ) -> web.StreamResponse:
        entry.code = answer.code
        entry.ended = True
        all_headers = {**headers, **answer.headers, "Content-Type": answer.content_type}
        if len(answer.pieces) <= 2:
            return web.Response(status=answer.code, body=b"".join(answer.pieces), headers=all_headers)
        response = web.StreamResponse(status=answer.code, headers=all_headers)
        await response.prepare(raw)
        for piece in answer.pieces:
            await response.write(piece)
        await response.write_eof()
        return response

    async def _stream(
        self,
        raw: web.Request,
        answer: WatchAnswer,
        *,
        headers: dict[str, str],
        entry: LoggedRequest,
        cut_after: int | None,
    ) -> web.StreamResponse:
        entry.code = 200
        response = web.StreamResponse(headers={**headers, "Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(raw)
        stream = _WatchStream(self._state, self._faults, raw, response, answer, cut_after)
        try:
            await stream.run()
        finally:
            entry.ended = True
        return response


class _WatchStream:
    """One watch on its connection: waits for changes, bookmarks, faults and the end of its time."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a stream
        self,
        state: State,
        faults: Faults,
        raw: web.Request,
        response: web.StreamResponse,
        answer: WatchAnswer,
        cut_after: int | None,
    ) -> None:
        self._state = state
        self._faults = faults
        self._raw = raw
        self._response = response
        self._cursor = answer.cursor
        self._news = asyncio.Event()
        self._watch = OpenWatch(answer.resource, self._news.set)
        self._left = cut_after
        started = asyncio.get_running_loop().time()
        self._deadline = started + (answer.timeout_s or DEFAULT_WATCH_TIMEOUT_S)
        self._next_bookmark = min(started + state.bookmark_interval_s, self._deadline - LAST_BOOKMARK_S)
        if self._next_bookmark <= started:
            self._next_bookmark = self._deadline - 0.1

    async def run(self) -> None:
        """Serve until the time is over, the cursor ends, or a fault ends it."""
        self._cursor.table.listeners.add(self._news.set)
        self._faults.watches.append(self._watch)
        try:
            await self._run()
        finally:
            self._cursor.table.listeners.discard(self._news.set)
            self._faults.watches.remove(self._watch)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._news.clear()
            if self._watch.cut:
                await self._cut()
                return
            held = self._faults.holds(self._watch.resource)
            chunk = b"" if held else self._cursor.take(CHUNK_BYTES)
            if chunk:
                await self._write(chunk)
            if self._cursor.ended:
                break
            now = loop.time()
            if now >= self._deadline:
                break
            if not held and self._cursor.bookmarks and now >= self._next_bookmark:
                await self._write(self._cursor.bookmark())
                self._next_bookmark = now + self._state.bookmark_interval_s
                if self._next_bookmark > self._deadline - LAST_BOOKMARK_S > now:
                    self._next_bookmark = self._deadline - LAST_BOOKMARK_S
            if not chunk:
                await self._wait(min(self._next_bookmark, self._deadline) - now)
        await self._response.write_eof()

    async def _wait(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(max(timeout_s, 0.01)):
                await self._news.wait()
        except TimeoutError:
            return

    async def _write(self, data: bytes) -> None:
        if not data:
            return
        if self._left is not None and len(data) >= self._left:
            await self._response.write(data[: self._left])
            await _drop(self._raw)
        if self._left is not None:
            self._left -= len(data)
        await self._response.write(data)

    async def _cut(self) -> None:
        if self._watch.error is not None:
            await self._write(error_line(self._watch.error))
        if self._watch.cut == "mid-line":
            await self._write(b'{"type":"MODIFIED","object":{"kind":"')
        if self._watch.cut != "clean":
            await _drop(self._raw)
        await self._response.write_eof()


async def _drop(raw: web.Request) -> NoReturn:
    """Break the connection as a crashed server would; aiohttp then cancels the handler."""
    if raw.transport is not None:
        raw.transport.abort()
    await asyncio.sleep(DROP_S)
    raise ConnectionResetError


def _about(request: Request) -> tuple[Target | None, str]:
    try:
        target = parse_target(request.path)
    except PlainNotFoundError:
        return None, request.method.lower()
    return target, verb_of(request, target) if target else request.method.lower()
