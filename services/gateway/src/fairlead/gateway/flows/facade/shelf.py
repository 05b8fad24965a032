"""Stored documents, with the last known ones for the time that the database is away."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.ports.documents import DocumentShelf, DocumentState

REMEMBERED = 20_000
"""Documents whose last known state is remembered; a few hundred bytes each."""


@dataclass
class LastKnown:
    """`DocumentShelf` before another one.

    Args:
        shelf: the other one.
        away: whether the database is known to be away.

    """

    shelf: DocumentShelf
    away: Callable[[], bool]
    _states: OrderedDict[tuple[str, str, str], DocumentState] = field(default_factory=OrderedDict)

    async def state(self, account: str, kind: str, path: str = "") -> DocumentState | None:
        """The current state; the last known one while the database is away."""
        key = (account, kind, path)
        if self.away() and key in self._states:
            return self._states[key]
        try:
            state = await self.shelf.state(account, kind, path)
        except DatabaseUnavailable:
            if key not in self._states:
                raise
            return self._states[key]
        if state is None:
            self._states.pop(key, None)
            return None
        self._states[key] = state
        self._states.move_to_end(key)
        if len(self._states) > REMEMBERED:
            self._states.popitem(last=False)
        return state

    async def states(self, accounts: Sequence[str], kind: str) -> Mapping[str, DocumentState]:
        """Which documents there are."""
        return await self.shelf.states(accounts, kind)

    async def content(self, account: str, kind: str, path: str, sha256: str) -> bytes | None:
        """Read a document."""
        return await self.shelf.content(account, kind, path, sha256)

    async def keep(self, account: str, kind: str, path: str, state: DocumentState, content: bytes) -> None:
        """Store a document."""
        await self.shelf.keep(account, kind, path, state, content)

    async def prune(self, account: str, kind: str, served: Sequence[str]) -> None:
        """Forget what is not served any more."""
        await self.shelf.prune(account, kind, served)

    async def knows(self, account: str) -> bool:
        """Whether an agent ever claimed the account."""
        return await self.shelf.knows(account)
