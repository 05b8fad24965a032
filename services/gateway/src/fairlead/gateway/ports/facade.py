"""What the facade's parts hand each other: requests of the Kubernetes API and their answers, free of any web framework."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from fairlead.gateway.core.facade.answers import Written
from fairlead.gateway.core.facade.targets import Target
from fairlead.gateway.core.tokens import Grant


@dataclass(frozen=True, slots=True)
class FacadeRequest:
    """One request of a client, below ``/accounts/<account>``."""

    account: str
    method: str
    path: str
    """Decoded, begins with a slash, without ``/accounts/<account>``."""
    target: str
    """Path and query, still encoded, without ``/accounts/<account>``: what the tunnel sends."""
    query: tuple[tuple[str, str], ...]
    """Decoded, in their order."""
    headers: Mapping[str, str]
    """Names in lower case."""
    caller: Grant
    body: AsyncIterator[bytes] | None = None

    def parameter(self, name: str, default: str = "") -> str:
        """The first value of a query parameter (the API server takes the first too)."""
        return next((value for key, value in self.query if key == name), default)


@dataclass(frozen=True, slots=True)
class FacadeAnswer:
    """What goes back. A streamed body is closed by whoever sends it, also when the client hangs up."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | AsyncIterator[bytes] = b""
    traceparent: str = ""
    """Of the exchange that brought it, where there was one and it is traced."""
    lasting: bool = False
    """A watch or a log: a client may rest within it."""


class Facade(Protocol):
    """What the door asks."""

    def serve(self, request: FacadeRequest) -> AbstractAsyncContextManager[FacadeAnswer]:
        """Answer a request; failures are answers too. Leaving the context ends whatever stands behind a streamed body."""
        ...


class StoreReading(Protocol):
    """Answers LIST and WATCH from the store."""

    async def answer(self, request: FacadeRequest, target: Target) -> FacadeAnswer | None:
        """Answer from the rows; None when only the cluster can: the kind is not mirrored, a row is withheld."""
        ...


class WriteBarrier(Protocol):
    """Keeps lists from showing less than a write that passed through the gateway (read your writes)."""

    async def passed(self, account: str, group: str, plural: str, namespace: str) -> bool:
        """Wait, at most 2 s, until the store holds what was written here before; False: read live. ``""``: all namespaces."""
        ...


@dataclass(frozen=True, slots=True)
class WriteTicket:
    """A write that is under way; its audit row exists."""

    id: str
    """ULID."""
    account: str
    target: Target
    dry_run: bool = False
    """The query asks for a dry run."""


class WriteJournal(Protocol):
    """The audit of writes, which the barrier reads too."""

    async def begin(self, request: FacadeRequest, target: Target) -> WriteTicket:
        """Store the audit row before anything is sent; raises `DatabaseUnavailable`: then nothing is sent."""
        ...

    async def finish(self, ticket: WriteTicket, written: Written | None, *, dispatched: bool) -> None:
        """Complete the row. ``written`` None with ``dispatched``: the answer was lost, the effect is unknown."""
        ...
