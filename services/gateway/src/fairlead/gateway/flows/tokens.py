"""Who may come in: tokens of the database, kept in memory and looked up anew every few seconds, and those of the settings.

While the database is away the last known tokens hold: agents and callers that were let in yesterday are let in today.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf

from fairlead.gateway.core.tokens import (
    Grant,
    Kind,
    TokenRecord,
    digest,
    find_by_names,
    find_by_token,
    make_token,
)
from fairlead.gateway.errors import DatabaseUnavailable, TokenExists
from fairlead.gateway.ports.tokens import TokenStore
from fairlead.runtime import logfields
from fairlead.runtime.logs import get_logger

log = get_logger()
REFRESH_S = 2.0
"""A revoked token is good for no longer than this."""
MISS_PAUSE_S = 0.25
"""Strangers make the database be asked no more often than this."""


@dataclass
class Tokens:
    """`Doorkeeper` and `TokenDesk`.

    Args:
        store: tokens of the database.
        fixed: grants of the settings.
        on_change: told after each change of what is granted.

    """

    store: TokenStore
    fixed: Sequence[Grant] = ()
    on_change: Callable[[], None] = lambda: None
    _by_digest: dict[bytes, Grant] = field(default_factory=dict)
    _refreshed: float = -inf
    _away: bool = False
    """The last look failed: nobody can tell a stranger from whoever has a token that is not known yet."""
    _refreshing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._take([])

    async def by_token(self, token: str, kind: Kind) -> Grant | None:
        """Find what a token grants; one that was made just now, maybe by another gateway, is found too."""
        if not token:
            return None
        found = find_by_token(self._by_digest, token, kind, datetime.now(UTC))
        if found is None:
            await self._look_again()
            found = find_by_token(self._by_digest, token, kind, datetime.now(UTC))
            if found is None and self._away:
                raise DatabaseUnavailable("the gateway's database is away, so that this token cannot be looked up")
        return found

    def by_certificate(self, names: tuple[str, ...]) -> Grant | None:
        """Find what a verified client certificate grants."""
        return find_by_names(self.fixed, names, datetime.now(UTC))

    def holds(self, grant: Grant) -> bool:
        """Whether a grant that was found before is good still, and unchanged."""
        if not grant.valid(datetime.now(UTC)):
            return False
        return grant in self.fixed if grant.certificate else self._by_digest.get(grant.digest) == grant

    async def create(self, wanted: Grant, *, by: str) -> tuple[TokenRecord, str]:
        """Make a token; the text of it is shown this once."""
        if any(grant.name == wanted.name for grant in self.fixed):
            raise TokenExists(f"the name {wanted.name!r} belongs to a credential of the settings; choose another one")
        token = make_token()
        grant = replace(wanted, digest=digest(token), certificate="")
        async with self._refreshing:  # or a look that began before would forget it again
            record = await self.store.create(grant, created_by=by)
            self._take([*(each for each in self._by_digest.values() if each not in self.fixed), grant])
        log.info("token made", **{logfields.NAME: grant.name, logfields.KIND: grant.kind.value, logfields.USER: by})
        return record, token

    async def read(self) -> list[TokenRecord]:
        """Every token of the database."""
        return await self.store.read()

    async def revoke(self, name: str) -> bool:
        """Revoke a token."""
        found = await self.store.revoke(name)
        if found:
            log.info("token revoked", **{logfields.NAME: name})
            await self.refresh()
        return found

    async def refresh(self) -> None:
        """Look the tokens up anew; keeps the last known ones while the database is away."""
        async with self._refreshing:
            await self._refresh()

    async def _look_again(self) -> None:
        """Look up for a stranger, who waits until it may be done again, together with all who wait for the same."""
        asked = time.monotonic()
        async with self._refreshing:
            if self._refreshed < asked:
                await asyncio.sleep(max(0.0, self._refreshed + MISS_PAUSE_S - time.monotonic()))
                await self._refresh()

    async def _refresh(self) -> None:
        self._refreshed = time.monotonic()
        try:
            grants = await self.store.grants()
        except DatabaseUnavailable:
            self._away, self._refreshed = True, time.monotonic()
            return
        self._away = False
        self._take(grants)

    async def keep_fresh(self) -> None:
        """Refresh every few seconds; a task of the service."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_S)

    def _take(self, grants: Sequence[Grant]) -> None:
        # Credentials of the settings come last, so that nobody replaces one through the API.
        before = self._by_digest
        self._by_digest = {grant.digest: grant for grant in (*grants, *self.fixed) if grant.digest}
        if self._by_digest != before:
            self.on_change()
