"""The facade's front on a real listener, with doubles of what stands behind it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.types import Receive, Scope, Send
from tests.support.facade_doubles import MemoryJournal, MemoryShelf, ScriptedStore
from tests.support.gateway import Authorities

from fairlead.contracts.accounts import account_path
from fairlead.gateway.adapters import https
from fairlead.gateway.adapters.facade.app import FacadeApplication, beside
from fairlead.gateway.core.doors import Door
from fairlead.gateway.core.facade.admission import Admission
from fairlead.gateway.core.tokens import Grant, Kind, Verb
from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.flows.facade.desk import FacadeDesk
from fairlead.gateway.flows.facade.discovery import DiscoveryDocuments
from fairlead.gateway.flows.facade.openapi import OpenApiDocuments
from fairlead.gateway.flows.facade.passthrough import Bounds, Passthrough
from fairlead.gateway.ports.tunnel import Tunnel

GRANTS = {
    "writer": Grant("writer", Kind.FACADE, ("*",), frozenset({Verb.READ, Verb.WRITE})),
    "reader": Grant("reader", Kind.FACADE, ("shop*",), frozenset({Verb.READ})),
    "other": Grant("other", Kind.FACADE, ("other*",), frozenset({Verb.READ, Verb.WRITE})),
}
"""By token."""


@dataclass
class Doorkeeper:
    """Knows the tokens above, for the facade alone, and cannot look up one that is new."""

    revoked: set[str] = field(default_factory=set)

    async def by_token(self, token: str, kind: Kind) -> Grant | None:
        """Find a grant."""
        if token == "new":
            raise DatabaseUnavailable("the database is away, so that it cannot be looked up")
        return GRANTS.get(token) if kind is Kind.FACADE else None

    def by_certificate(self, names: tuple[str, ...]) -> Grant | None:
        """Nobody comes with one."""
        return None

    def holds(self, grant: Grant) -> bool:
        """Whether it was not revoked."""
        return grant.name not in self.revoked


@dataclass
class Front:
    """A front that listens."""

    port: int
    authorities: Authorities
    shelf: MemoryShelf
    store: ScriptedStore
    journal: MemoryJournal
    desk: FacadeDesk
    doorkeeper: Doorkeeper
    stop: Callable[[], Coroutine[Any, Any, None]]
    """Stop listening, in order."""

    @property
    def address(self) -> str:
        """Of the listener."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client trusts."""
        return ssl.create_default_context(cafile=self.authorities.directory / "ca.crt")

    @asynccontextmanager
    async def client(self, token: str = "writer", account: str = "shop") -> AsyncIterator[httpx.AsyncClient]:  # noqa: S107
        """A client of an account."""
        async with httpx.AsyncClient(
            base_url=self.address + account_path(account),
            headers={"Authorization": f"Bearer {token}"} if token else {},
            verify=self.trust,
            trust_env=False,
            timeout=10,
        ) as client:
            yield client


@asynccontextmanager
async def running_front(
    tunnel: Tunnel, directory: Path, *, bounds: Bounds | None = None, admission: Admission | None = None
) -> AsyncIterator[Front]:
    """Let a front listen until the context ends."""
    shelf, store, journal = MemoryShelf(), ScriptedStore(), MemoryJournal()
    discovery = DiscoveryDocuments(shelf, 10_000_000)
    cluster = Passthrough(tunnel, journal, bounds or Bounds(), discovery.unsettle)
    openapi = OpenApiDocuments(shelf, cluster, discovery, 10_000_000, 60.0)
    desk = FacadeDesk(shelf, discovery, openapi, store, cluster, admission or Admission(50, 50), lambda: False)
    authorities = Authorities(directory)
    door = Door("facade", 0, "127.0.0.1", directory / "gateway.crt", directory / "gateway.key")
    doorkeeper = Doorkeeper()
    application = beside(_elsewhere, FacadeApplication(desk, doorkeeper))
    async with https.listen(door, application) as listener, asyncio.TaskGroup() as group:
        group.create_task(listener.serve())
        try:
            yield Front(listener.port, authorities, shelf, store, journal, desk, doorkeeper, listener.stop)
        finally:
            await listener.stop()


async def _elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    """What is not the facade's."""
    await send({"type": "http.response.start", "status": 418, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
