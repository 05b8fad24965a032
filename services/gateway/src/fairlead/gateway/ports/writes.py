"""Where the journal of writes through the facade is kept, with what lists wait for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from fairlead.gateway.core.facade.barrier import Mark, Outcome, Wait
from fairlead.gateway.core.facade.targets import Target


@dataclass(frozen=True, slots=True)
class NewWrite:
    """A write that is about to be sent."""

    id: str
    """ULID."""
    account: str
    gateway: str
    """The process that carries it."""
    caller: str
    """Name of the token."""
    command: str
    """``Kubectl-Command``, as the client says."""
    user_agent: str
    target: Target
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How a write ended."""

    id: str
    outcome: Outcome
    dispatched: bool
    status: int | None = None
    dry_run: bool = False
    name: str = ""
    """What the object is called, where the request left it to the API server."""
    uid: str = ""
    version: int | None = None
    mark: Mark | None = None
    """What lists wait for from now on."""


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """One row of the journal; never a body."""

    write: NewWrite
    begun: datetime
    finished: datetime | None
    outcome: Outcome
    dispatched: bool
    status: int | None
    uid: str
    version: int | None


class WriteHistory(Protocol):
    """What was written; may raise `DatabaseUnavailable`."""

    async def read(self, account: str, *, before: str, limit: int) -> list[WriteRecord]:
        """Read writes of an account, newest first; ``before``: only ids below this one, empty for all."""
        ...


class WriteStore(WriteHistory, Protocol):
    """The journal in the database, shared by all gateways; every method may raise `DatabaseUnavailable`."""

    async def begin(self, write: NewWrite, mark: Mark | None) -> None:
        """Store a write that is about to be sent; lists of a kind that is mirrored wait for its end."""
        ...

    async def finish(self, ending: Ending) -> None:
        """Complete a write. May be repeated, and corrects one that was taken for abandoned."""
        ...

    async def behind(self, account: str, group: str, plural: str, namespace: str) -> frozenset[Wait]:
        """What lists of a resource wait for; nothing when the mirror holds every write. ``""``: all namespaces."""
        ...

    async def touch(self, ids: Sequence[str]) -> None:
        """Say that the gateway still carries these writes."""
        ...

    async def sweep(self, silent_s: float) -> int:
        """End writes as unknown whose gateway is silent for so long, and forget what lists no longer wait for.

        Returns how many writes were ended.
        """
        ...

    async def purge(self, older_than_s: float) -> int:
        """Erase writes that began before; returns how many."""
        ...
