"""A reflector's session, and short ways to look into a mirror."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tests.support.mirror_data import (
    ACCOUNT,
    PODS,
    batch,
    inventory,
    part,
    request,
    source,
)

from fairlead.contracts.envelope import Event, Part
from fairlead.gateway.core.commits import Committed
from fairlead.gateway.core.sessions import Opened
from fairlead.gateway.core.views import ObjectQuery, StoredObject
from fairlead.gateway.ports.listing import ListingStore
from fairlead.gateway.ports.mirror import AccountStore, MirrorReader, MirrorStore

AHEAD_LIMIT = 4


class Ports(MirrorStore, AccountStore, MirrorReader, ListingStore, Protocol):
    """All ports of the mirror."""


class Mirror(Ports, Protocol):
    """All ports, and what links do to accounts."""

    async def mark_stale(self, accounts: Sequence[str], since: datetime, message: str) -> None:
        """Say that nothing is heard of accounts that no connection serves."""
        ...


class Writer:
    """A reflector's session, which numbers its parts."""

    def __init__(self, mirror: Ports, opened: Opened) -> None:
        self.mirror = mirror
        self.opened = opened
        self.number = 0

    @classmethod
    async def open(cls, mirror: Ports, scope: str = "all", *, known_epoch: int = 0, ended_epoch: int = 0) -> Writer:
        """Open a session."""
        wish = request(scope, known_epoch=known_epoch, ended_epoch=ended_epoch)
        return cls(mirror, await mirror.open_session(wish))

    async def send(self, *events: Event, checkpoint: int | None = None) -> Committed:
        """Commit the next part, of events."""
        self.number += 1
        return await self.commit(part(self.number, *events, checkpoint=checkpoint))

    async def list_all(self, snapshot: int, *entries: tuple[str, str, int | None]) -> Committed:
        """Commit the next part, an inventory of everything, with a checkpoint at its snapshot."""
        self.number += 1
        return await self.commit(part(self.number, inventory=inventory(snapshot, entries), checkpoint=snapshot))

    async def commit(self, *parts: Part) -> Committed:
        """Commit parts."""
        return await self.mirror.commit([batch(source(self.opened), parts)])

    async def checkpoint(self) -> int | None:
        """The stored checkpoint."""
        return (await self.mirror.resources(ACCOUNT))[0].checkpoint


async def rows(mirror: Mirror) -> dict[str, int]:
    """Name and version of each row."""
    page = await mirror.objects(ObjectQuery(ACCOUNT, PODS))
    return {row.key.name: row.version for row in page.objects}


async def row(mirror: Mirror, name: str) -> StoredObject:
    """One row."""
    page = await mirror.objects(ObjectQuery(ACCOUNT, PODS, "shop", name))
    return page.objects[0]
