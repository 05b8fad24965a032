"""The journal of writes through the facade: a row before each is sent, completed by what its answer says.

A row that cannot be completed because the database is away is completed later; one whose gateway died is ended as unknown
by another gateway.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from ulid import ULID

from fairlead.gateway.core.facade import barrier
from fairlead.gateway.core.facade.answers import Written
from fairlead.gateway.core.facade.targets import Target
from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.ports.facade import FacadeRequest, WriteTicket
from fairlead.gateway.ports.writes import Ending, NewWrite, WriteStore
from fairlead.runtime import logfields, metrics
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
KEEP_S = 2.0
"""How often open rows are touched, marks forgotten and late endings tried again."""
SILENT_S = 20.0
"""A gateway that did not touch its rows for so long is taken for dead."""
PURGE_S = 300.0
LATE_LIMIT = 10_000
"""Endings that wait for the database; beyond, the oldest is left to the sweep."""
TEXT_LIMIT = 512
"""Characters kept of what clients say."""


@dataclass
class Journal:
    """`WriteJournal`.

    Args:
        store: of the rows.
        gateway: name of this process.
        history_s: how long rows are kept.

    """

    store: WriteStore
    gateway: str
    history_s: float
    _open: dict[str, WriteTicket] = field(default_factory=dict)
    _late: dict[str, Ending] = field(default_factory=dict)
    """Endings that the database has not taken."""

    async def begin(self, request: FacadeRequest, target: Target) -> WriteTicket:
        """Store the row of a write before anything is sent.

        Raises:
            DatabaseUnavailable: it does not stand; nothing may be sent.

        """
        ticket = WriteTicket(str(ULID()), request.account, target, dry_run=bool(request.parameter("dryRun")))
        write = NewWrite(
            ticket.id,
            request.account,
            self.gateway,
            request.caller.name,
            _storable(request.headers.get("kubectl-command", "")),
            _storable(request.headers.get("user-agent", "")),
            _storable_target(target),
            ticket.dry_run,
        )
        await self.store.begin(write, self._mark(ticket))
        self._open[ticket.id] = ticket
        return ticket

    async def finish(self, ticket: WriteTicket, written: Written | None, *, dispatched: bool) -> None:
        """Complete a row; when the database is away, as soon as it is back.

        Call it before the end of the answer goes to the client: a list that the client makes next then waits for the write.
        """
        self._open.pop(ticket.id, None)
        ending = self._ending(ticket, written, dispatched=dispatched)
        metrics.GATEWAY_WRITES.labels(ticket.target.verb.value, ending.outcome.value).inc()
        try:
            await self.store.finish(ending)
        except DatabaseUnavailable:
            self._put_off(ending)
        except asyncio.CancelledError:  # the client hung up; its write stands all the same
            self._put_off(ending)
            raise

    async def keep(self) -> None:
        """Keep the rows true; a task of the service."""
        purged = 0.0
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(KEEP_S)
            try:
                await self._end_late()
                if self._open:
                    await self.store.touch([*self._open])
                ended = await self.store.sweep(SILENT_S)
                if ended:
                    log.warning("writes of a gateway that died ended as unknown", **{logfields.COUNT: ended})
                if loop.time() - purged > PURGE_S:
                    await self.store.purge(self.history_s)
                    purged = loop.time()
            except DatabaseUnavailable as error:
                log.debug("the journal waits for the database", **{logfields.ERROR: chain(error)})

    async def _end_late(self) -> None:
        for id_, ending in list(self._late.items()):
            await self.store.finish(ending)
            self._late.pop(id_, None)

    def _put_off(self, ending: Ending) -> None:
        if len(self._late) >= LATE_LIMIT:
            self._late.pop(next(iter(self._late)))
        self._late[ending.id] = ending

    def _mark(self, ticket: WriteTicket) -> barrier.Mark | None:
        if ticket.dry_run:
            return None
        return barrier.mark_begun(ticket.id, ticket.account, _storable_target(ticket.target))

    def _ending(self, ticket: WriteTicket, written: Written | None, *, dispatched: bool) -> Ending:
        written = _storable_written(written)
        outcome = barrier.outcome_of(written.status if written else None, dispatched=dispatched)
        begun = self._mark(ticket)
        mark = None if begun is None else barrier.mark_ended(begun, ticket.target, outcome, written)
        if written is None:
            return Ending(ticket.id, outcome, dispatched, mark=mark)
        return Ending(
            ticket.id,
            outcome,
            dispatched,
            written.status,
            written.dry_run,
            written.name,
            written.uid,
            written.version,
            mark,
        )


def _storable_written(written: Written | None) -> Written | None:
    if written is None:
        return None
    names = _storable(written.namespace), _storable(written.name), _storable(written.uid)
    return replace(written, namespace=names[0], name=names[1], uid=names[2])


def _storable(text: str) -> str:
    """What PostgreSQL can hold of a client's text: no NUL, no half characters, not too much."""
    return text[:TEXT_LIMIT].replace("\0", "�").encode(errors="replace").decode()


def _storable_target(target: Target) -> Target:
    return Target(
        target.verb,
        _storable(target.group),
        _storable(target.version),
        _storable(target.plural),
        _storable(target.namespace),
        _storable(target.name),
        _storable(target.subresource),
    )
