"""What links need of the database, and what the gRPC door needs of links."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from fairlead.contracts.v1.link_pb2 import AgentFrame, GatewayFrame
from fairlead.gateway.core.tokens import Grant


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """A connection as every gateway sees it."""

    id: str
    gateway: str
    agent: str
    zone: str
    mode: str
    software_version: str
    credential: str
    connected: datetime | None = None
    seen: datetime | None = None
    accounts: tuple[str, ...] = ()
    address: str = ""
    """Of the gateway, for the others; empty: they do not reach it."""


class LinkStore(Protocol):
    """Who is connected where; every method may raise `DatabaseUnavailable`."""

    async def put(self, record: LinkRecord) -> None:
        """Store a connection and the accounts that it serves, as it stands now."""
        ...

    async def touch(self, gateway: str) -> int:
        """Say that the connections of a gateway live; tells how many are stored."""
        ...

    async def remove(self, link: str, accounts: Collection[str], *, since: datetime, message: str) -> None:
        """Forget a connection, and say that nothing is heard of those of its accounts that no other one serves.

        Both are done or neither, and what is said holds for each reflector until something comes from it.
        """
        ...

    async def sweep(self, silent_s: float, *, since: datetime, message: str) -> None:
        """Forget connections whose gateway was not heard of for so long; of their accounts it is said as in `remove`."""
        ...

    async def read(self) -> list[LinkRecord]:
        """Every connection."""
        ...


class LinkDirectory(Protocol):
    """Who is connected, for readers."""

    async def read(self) -> list[LinkRecord]:
        """Every connection to any gateway; may raise `DatabaseUnavailable`."""
        ...


class DocumentStore(Protocol):
    """Discovery and OpenAPI documents of accounts."""

    async def put_document(self, account: str, kind: str, path: str, sha256: str, content: bytes) -> None:
        """Store a document in place of its former state."""
        ...


class LinkDesk(Protocol):
    """What the gRPC door asks of links."""

    async def serve(
        self, grant: Grant, frames: AsyncIterator[AgentFrame], write: Callable[[GatewayFrame], Awaitable[None]]
    ) -> None:
        """Handle one connection from its first frame to its end.

        Args:
            grant: of the connection's credentials.
            frames: what the agent sends.
            write: sends a frame; raises ConnectionError once the agent is gone.

        Raises:
            LinkViolation: why the gateway ended it, or refused it.

        """
        ...
