"""Doubles of what stands behind the facade's desk: documents in memory, a tunnel that answers by a script, a journal."""

# ruff: noqa: D102 - the ports document their methods

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qsl, unquote

from tests.support.gateway_doubles import Outage
from ulid import ULID

from fairlead.gateway.core.facade.answers import Written
from fairlead.gateway.core.facade.targets import Target
from fairlead.gateway.core.tokens import Grant, Kind, Verb
from fairlead.gateway.errors import TunnelUnavailable
from fairlead.gateway.ports.documents import DocumentState
from fairlead.gateway.ports.facade import FacadeAnswer, FacadeRequest, WriteTicket
from fairlead.gateway.ports.tunnel import TunnelAnswer, TunnelRequest

ACCOUNT = "shop"
WRITER = Grant("writer", Kind.FACADE, ("*",), frozenset({Verb.READ, Verb.WRITE}))
STORED = datetime(2026, 1, 1, tzinfo=UTC)


def a_request(
    method: str,
    target: str,
    *,
    caller: Grant = WRITER,
    body: bytes | None = None,
    account: str = ACCOUNT,
    **headers: str,
) -> FacadeRequest:
    """A request as the door hands it over; header names have underscores here."""
    path, _, query = target.partition("?")
    return FacadeRequest(
        account=account,
        method=method,
        path=unquote(path),
        target=target,
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        caller=caller,
        body=None if body is None else in_pieces(body),
    )


async def in_pieces(body: bytes, size: int = 4) -> AsyncIterator[bytes]:
    """A body as it comes over a wire."""
    for start in range(0, len(body), size):
        await asyncio.sleep(0)
        yield body[start : start + size]


async def whole(answer: FacadeAnswer) -> bytes:
    """The body of an answer."""
    if isinstance(answer.body, bytes):
        return answer.body
    return b"".join([piece async for piece in answer.body])


@dataclass
class MemoryShelf:
    """`DocumentShelf` in memory."""

    outage: Outage = field(default_factory=Outage)
    accounts: set[str] = field(default_factory=lambda: {ACCOUNT})
    documents: dict[tuple[str, str, str], tuple[DocumentState, bytes]] = field(default_factory=dict)
    reads: int = 0
    puts: int = 0

    def put(self, kind: str, content: bytes, path: str = "") -> None:
        """Store a document as an agent sends it."""
        state = DocumentState(sha256(content).hexdigest(), STORED + timedelta(seconds=self.puts))
        self.puts += 1
        self.documents[ACCOUNT, kind, path] = state, content

    async def state(self, account: str, kind: str, path: str = "") -> DocumentState | None:
        self.outage.check()
        found = self.documents.get((account, kind, path))
        return found[0] if found else None

    async def states(self, accounts: Sequence[str], kind: str) -> Mapping[str, DocumentState]:
        self.outage.check()
        found = {account: self.documents.get((account, kind, "")) for account in accounts}
        return {account: replace(each[0], headers={}) for account, each in found.items() if each}

    async def content(self, account: str, kind: str, path: str, sha256: str) -> bytes | None:
        self.outage.check()
        self.reads += 1
        found = self.documents.get((account, kind, path))
        return found[1] if found and found[0].sha256 == sha256 else None

    async def keep(self, account: str, kind: str, path: str, state: DocumentState, content: bytes) -> None:
        self.outage.check()
        self.documents[account, kind, path] = state, content

    async def prune(self, account: str, kind: str, served: Sequence[str]) -> None:
        self.outage.check()
        gone = [key for key in self.documents if key[:2] == (account, kind) and key[2].partition(" ")[0] not in served]
        for key in gone:
            del self.documents[key]

    async def knows(self, account: str) -> bool:
        self.outage.check()
        return account in self.accounts


Script = Callable[[TunnelRequest, bytes], TunnelAnswer]


@dataclass
class ScriptedTunnel:
    """`Tunnel` that answers by a function of request and body; what it raises is raised."""

    script: Script
    away: bool = False
    requests: list[TunnelRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    open: int = 0
    ended: list[Exception] = field(default_factory=list)
    """What exchanges ended with that did not come to their end."""
    held: asyncio.Event | None = None
    """When set, answers wait for it."""

    @asynccontextmanager
    async def exchange(self, request: TunnelRequest) -> AsyncIterator[TunnelAnswer]:
        if self.away:
            raise TunnelUnavailable("no agent is connected")
        self.requests.append(request)
        self.open += 1
        try:
            self.bodies.append(b"".join([piece async for piece in request.body]) if request.body is not None else b"")
            if self.held is not None:
                await self.held.wait()
            yield self.script(request, self.bodies[-1])
        except Exception as error:
            self.ended.append(error)
            raise
        finally:
            self.open -= 1


def answering(status: int, body: bytes = b"", **headers: str) -> Script:
    """A script with one answer for everything."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return lambda request, sent: TunnelAnswer(status, named, in_pieces(body))


@dataclass
class MemoryJournal:
    """`WriteJournal` in memory."""

    outage: Outage = field(default_factory=Outage)
    begun: list[WriteTicket] = field(default_factory=list)
    finished: list[tuple[str, Written | None, bool]] = field(default_factory=list)

    async def begin(self, request: FacadeRequest, target: Target) -> WriteTicket:
        self.outage.check()
        self.begun.append(WriteTicket(str(ULID()), request.account, target))
        return self.begun[-1]

    async def finish(self, ticket: WriteTicket, written: Written | None, *, dispatched: bool) -> None:
        self.finished.append((ticket.id, written, dispatched))


@dataclass
class ScriptedStore:
    """`StoreReading` with one answer."""

    found: FacadeAnswer | None = None
    error: Exception | None = None
    asked: list[Target] = field(default_factory=list)

    async def answer(self, request: FacadeRequest, target: Target) -> FacadeAnswer | None:
        self.asked.append(target)
        if self.error is not None:
            raise self.error
        return self.found
