"""The ASGI application below ``/accounts/``: who asks, for what; and the answer, in pieces as the client takes them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fairlead.contracts.accounts import PREFIX
from fairlead.gateway.core.facade import statuses
from fairlead.gateway.core.facade.statuses import Refusal, Status
from fairlead.gateway.core.tokens import Grant, Kind, bearer
from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.ports.facade import Facade, FacadeAnswer, FacadeRequest
from fairlead.gateway.ports.tokens import Doorkeeper
from fairlead.runtime import logfields
from fairlead.runtime.errors import chain
from fairlead.runtime.lifecycle import cancel_all
from fairlead.runtime.logs import get_logger

log = get_logger()
Application = ASGIApp
"""For the composition, which knows of no framework."""
CANCEL_S = 30.0
"""Time for an exchange to end after its client hung up; a line of the journal may be under way."""
STALLED_S = 60.0
"""A client that takes nothing for so long of an answer that has an end is taken for dead: it holds a place of its account."""
GRANT_S = 2.0
"""How often it is seen whether the token of a watch or a log is good still."""
FIELDS_MAX = 1000
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BODYLESS = (204, 304)


@dataclass(frozen=True, slots=True)
class FacadeApplication:
    """Serves everything below a prefix."""

    facade: Facade
    doorkeeper: Doorkeeper
    prefix: str = PREFIX

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        client = _Client(receive, send, head=scope["method"] == "HEAD")
        # Only the stop of the gateway cancels this task; for uvicorn it would be an error to log.
        with contextlib.suppress(asyncio.CancelledError):
            await self._until_either_ends(scope, client)

    async def _until_either_ends(self, scope: Scope, client: _Client) -> None:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._serve(scope, client))
            gone = group.create_task(client.hung_up())
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            await cancel_all((work, gone), CANCEL_S)

    async def _serve(self, scope: Scope, client: _Client) -> None:
        try:
            request = _request(scope, self.prefix, await self._caller(scope), client)
        except Refusal as refusal:
            await client.send_answer(_failure(refusal.status))
            return
        try:
            async with self.facade.serve(request) as answer:
                if answer.lasting:
                    await self._send_while_granted(answer, request, client)
                else:
                    await client.send_answer(answer)
        except Exception as error:  # noqa: BLE001 - the head is on its way: to break off is all that can be told
            log.info("an answer broke off", **{
                logfields.ACCOUNT: request.account, logfields.ERROR: chain(error)})  # fmt: skip

    async def _send_while_granted(self, answer: FacadeAnswer, request: FacadeRequest, client: _Client) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(client.send_answer(answer))
                while not (await asyncio.wait((sending,), timeout=GRANT_S))[0]:
                    if not self.doorkeeper.holds(request.caller):
                        log.info("a token was revoked or has expired; ending what it opened", **{
                            logfields.ACCOUNT: request.account, logfields.USER: request.caller.name})  # fmt: skip
                        sending.cancel()
                        break
        except ExceptionGroup as failed:  # what stands behind the answer knows its own failures
            raise failed.exceptions[0] from None

    async def _caller(self, scope: Scope) -> Grant:
        header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        try:
            grant = await self.doorkeeper.by_token(bearer(header.decode("latin-1")), Kind.FACADE)
        except DatabaseUnavailable as error:
            raise Refusal(statuses.unavailable(str(error))) from None
        if grant is None:
            raise Refusal(statuses.unauthorized())
        return grant


def beside(other: ASGIApp, facade: FacadeApplication) -> ASGIApp:
    """One application out of two: the facade below its prefix, the other one everywhere else."""
    prefix = facade.prefix.encode()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        chosen = facade if scope["type"] == "http" and scope["raw_path"].startswith(prefix) else other
        await chosen(scope, receive, send)

    return application


class _Client:
    """The connection's two directions. The body is read first; after that all that can come is the end."""

    def __init__(self, receive: Receive, send: Send, *, head: bool) -> None:
        self._receive = receive
        self._send = send
        self._head = head
        self._read = asyncio.Event()
        self._left = False

    def expects_no_body(self) -> None:
        """The request has none, or nobody will read it."""
        self._read.set()

    async def body(self) -> AsyncIterator[bytes]:
        """The request's body, piece by piece."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._left = True
                self._read.set()
                await asyncio.get_running_loop().create_future()  # `hung_up` ends the work
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                break
        self._read.set()

    async def hung_up(self) -> None:
        """Wait until the client hangs up."""
        await self._read.wait()
        while not self._left and (await self._receive())["type"] != "http.disconnect":
            pass

    async def send_answer(self, answer: FacadeAnswer) -> None:
        """Send head and body; raises when the body breaks off, or the client takes nothing of it for long."""
        within_s = None if answer.lasting else STALLED_S
        names = {name.lower() for name, _ in answer.headers}
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        if isinstance(answer.body, bytes) and answer.status not in _BODYLESS and "content-length" not in names:
            headers.append((b"content-length", str(len(answer.body)).encode()))
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if isinstance(answer.body, bytes):
            await self._send(_piece(b"" if self._head else answer.body, more=False))
            return
        async for piece in answer.body:
            if piece and not self._head:
                await self._take(_piece(piece, more=True), within_s)
            await asyncio.sleep(0)  # a body and a socket that are always ready must not keep others from their turn
        await self._take(_piece(b"", more=False), within_s)

    async def _take(self, message: Message, within_s: float | None) -> None:
        """Send once the client has taken enough of what was sent before."""
        async with asyncio.timeout(within_s):
            await self._send(message)


def _request(scope: Scope, prefix: str, caller: Grant, client: _Client) -> FacadeRequest:
    raw = scope["raw_path"].decode("latin-1").removeprefix(prefix)
    query = scope["query_string"].decode("latin-1")
    account, _, below = raw.partition("/")
    headers = _headers(scope)
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    has_body = has_body and scope["method"] not in ("GET", "HEAD")
    if not has_body:
        client.expects_no_body()
    if _BROKEN_ESCAPE.search(raw):
        raise Refusal(statuses.bad_request("the path holds a percent sign that escapes nothing"))
    if "%00" in raw or "#" in raw + query:
        raise Refusal(statuses.bad_request("the path holds a NUL character, or the request a fragment"))
    return FacadeRequest(
        account=unquote(account),
        method=scope["method"],
        path="/" + unquote(below),
        target=f"/{below}?{query}" if query else f"/{below}",
        query=_query(query),
        headers=headers,
        caller=caller,
        body=client.body() if has_body else None,
    )


def _query(query: str) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(parse_qsl(query, keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise Refusal(statuses.bad_request(f"the query has more than {FIELDS_MAX} parameters")) from None


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by name in lower case; several of one name are one list (RFC 9110, 5.3)."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _failure(status: Status) -> FacadeAnswer:
    return FacadeAnswer(status.code, status.headers(), status.body())


def _piece(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
