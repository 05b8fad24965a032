"""Documents of accounts, as readers need them: what a cluster serves, in which version, with which schemas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

DISCOVERY = "discovery"
"""As agents send it: everything that is served under no path, the answer of ``/version`` under its own."""
VERSION_PATH = "/version"
OPENAPI = "openapi"
"""Answers of API servers, kept by path and media type."""


@dataclass(frozen=True, slots=True)
class DocumentState:
    """Which document is stored, and since when: one that comes back after another is another state."""

    sha256: str
    stored: datetime
    headers: Mapping[str, str] = field(default_factory=dict)


class DocumentShelf(Protocol):
    """Stored documents; every method may raise `DatabaseUnavailable`."""

    async def state(self, account: str, kind: str, path: str = "") -> DocumentState | None:
        """Look which document there is."""
        ...

    async def states(self, accounts: Sequence[str], kind: str) -> Mapping[str, DocumentState]:
        """Which document without a path each of these accounts has; headers are left out."""
        ...

    async def content(self, account: str, kind: str, path: str, sha256: str) -> bytes | None:
        """Read it; None when it was replaced meanwhile."""
        ...

    async def keep(self, account: str, kind: str, path: str, state: DocumentState, content: bytes) -> None:
        """Store a document in place of its former state."""
        ...

    async def prune(self, account: str, kind: str, served: Sequence[str]) -> None:
        """Forget documents whose path, up to its first space, is not among those."""
        ...

    async def knows(self, account: str) -> bool:
        """Whether an agent ever claimed the account."""
        ...
