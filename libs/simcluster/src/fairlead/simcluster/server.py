"""The HTTPS server: aiohttp in front of the handlers, with authentication, faults, the request log and watch streams."""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from fairlead.simcluster.api.answers import Answer, LogAnswer, WatchAnswer, failure, json_answer
from fairlead.simcluster.api.dispatch import handle
from fairlead.simcluster.api.documents import OPEN_PATHS
from fairlead.simcluster.api.routes import ANONYMOUS, Request, Target, User, parse_target, verb_of
from fairlead.simcluster.errors import PlainNotFoundError, unauthorized
from fairlead.simcluster.faults import refusal
from fairlead.simcluster.listening import ListeningSite
from fairlead.simcluster.requests import LoggedRequest
from fairlead.simcluster.streams import WatchStream, drop, follow_log

if TYPE_CHECKING:
    from fairlead.simcluster.faults import Faults, Rule
    from fairlead.simcluster.requests import RequestLog
    from fairlead.simcluster.state import State


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
        await ListeningSite(self._runner, host, port, ssl_context=context).start()
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
            await drop(raw)
        if isinstance(answer, LogAnswer):
            return await self._follow(raw, answer, headers, entry)
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
                await drop(raw)
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
        stream = WatchStream(self._state, self._faults, raw, response, answer, cut_after)
        try:
            await stream.run()
        finally:
            entry.ended = True
        return response

    async def _follow(
        self, raw: web.Request, answer: LogAnswer, headers: dict[str, str], entry: LoggedRequest
    ) -> web.StreamResponse:
        entry.code = 200
        response = web.StreamResponse(headers={**headers, "Content-Type": "text/plain"})
        response.enable_chunked_encoding()
        await response.prepare(raw)
        try:
            await follow_log(self._state, response, answer.cursor)
        finally:
            entry.ended = True
        return response


def _about(request: Request) -> tuple[Target | None, str]:
    try:
        target = parse_target(request.path)
    except PlainNotFoundError:
        return None, request.method.lower()
    return target, verb_of(request, target) if target else request.method.lower()
