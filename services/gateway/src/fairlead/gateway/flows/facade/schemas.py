"""OpenAPI documents are fetched when an agent connects and when its cluster serves something else, before anybody asks for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.flows.facade.openapi import OpenApiDocuments
from fairlead.gateway.ports.documents import DISCOVERY, DocumentShelf, DocumentState
from fairlead.gateway.ports.links import LinkRecord
from fairlead.runtime import logfields
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
LOOK_S = 5.0
"""How often connections and discovery documents are looked at."""
AGAIN_S = 60.0
"""After a failure an account is left alone for so long."""
AT_ONCE = 4
WITHIN_S = 120.0
"""Time for all documents of an account."""


class Served(Protocol):
    """What is needed of the links."""

    def records(self) -> Iterable[LinkRecord]:
        """The connections of this gateway."""
        ...


@dataclass
class SchemasAhead:
    """Holds the documents of the accounts whose agents are connected to this gateway.

    Args:
        documents: fetches and keeps them.
        shelf: tells which discovery documents there are.
        served: tells of the connections.
        clock: seconds of a clock that only goes on.

    """

    documents: OpenApiDocuments
    shelf: DocumentShelf
    served: Served
    clock: Callable[[], float] = time.monotonic
    _held: dict[str, tuple[str, DocumentState]] = field(default_factory=dict)
    """Under which connection, and with which discovery document, an account's documents were fetched last."""
    _not_before: dict[str, float] = field(default_factory=dict)

    async def keep(self) -> None:
        """Look again and again; a task of the service."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except DatabaseUnavailable as error:
                log.debug("schemas wait for the database", **{logfields.ERROR: chain(error)})

    async def look(self) -> None:
        """Fetch what may be other than before."""
        links = {account: record.id for record in self.served.records() for account in record.accounts}
        states = await self.shelf.states(sorted(links), DISCOVERY)
        wanted = {account: (link, states[account]) for account, link in links.items() if account in states}
        self._held = {account: held for account, held in self._held.items() if account in links}
        self._not_before = {account: at for account, at in self._not_before.items() if account in links}
        places = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for account in self._due(wanted):
                group.create_task(self._hold(account, wanted[account], places))

    def _due(self, wanted: Mapping[str, tuple[str, DocumentState]]) -> list[str]:
        now = self.clock()
        return [
            account
            for account, state in wanted.items()
            if self._held.get(account) != state and self._not_before.get(account, now) <= now
        ]

    async def _hold(self, account: str, state: tuple[str, DocumentState], places: asyncio.Semaphore) -> None:
        try:
            async with places, asyncio.timeout(WITHIN_S):
                await self.documents.hold(account)
        except Exception as error:  # noqa: BLE001 - of one cluster, whatever it sent: the others must have theirs
            self._not_before[account] = self.clock() + AGAIN_S
            log.info("OpenAPI documents could not be fetched ahead", **{
                logfields.ACCOUNT: account, logfields.ERROR: chain(error)})  # fmt: skip
        else:
            self._held[account] = state
