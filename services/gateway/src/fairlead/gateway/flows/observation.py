"""Observation at the gateway: sessions, commits and reading, over the mirror's ports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from prometheus_client import Histogram

from fairlead.contracts.envelope import Batch
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.claims import AccountClaim, ClaimOutcome
from fairlead.gateway.core.commits import Committed, named_sessions
from fairlead.gateway.core.inventory import StoredVersion
from fairlead.gateway.core.sessions import CloseReason, Opened, OpenRequest
from fairlead.gateway.core.states import StateReport
from fairlead.gateway.core.views import AccountView, Changes, ObjectPage, ObjectQuery, ResourceView, StoredObject
from fairlead.gateway.errors import BatchRefused, DatabaseUnavailable
from fairlead.gateway.ports.mirror import AccountStore, MirrorReader, MirrorStore
from fairlead.runtime import logfields, metrics, tracing
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

VERSIONS_PAGE = 5000
"""Rows and tombstones in one answer to `Observation.stored_versions`."""

log = get_logger()
T = TypeVar("T")
_PARTS = {outcome: metrics.GATEWAY_PARTS.labels(outcome) for outcome in ("applied", "duplicate", "fenced", "refused")}
_EVENTS = {outcome: metrics.GATEWAY_EVENTS.labels(outcome) for outcome in ("written", "deleted", "superseded")}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the database may be away before a caller is told, in seconds."""

    call_s: float = 8.0
    """For calls that somebody waits for."""
    commit_s: float = 120.0
    """For commits: the log on the agent's side waits meanwhile."""


class Observation:
    """What the link and the REST door ask of the mirror.

    Every method may raise `DatabaseUnavailable` once the database has been away for longer than ``patience``. A call whose
    connection broke is simply made again: part numbers make a commit harmless twice, and a session opened in vain is
    superseded by the next.

    Args:
        store: writing side.
        accounts: whose cluster a name means.
        reader: reading side.
        patience: see `Patience`.

    """

    def __init__(
        self,
        store: MirrorStore,
        accounts: AccountStore,
        reader: MirrorReader,
        *,
        patience: Patience | None = None,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._reader = reader
        self._patience = patience or Patience()

    # ---- accounts

    async def claim_account(self, claim: AccountClaim, zone: str, agent: str) -> ClaimOutcome:
        """Bind an account to the cluster that claims it, or refuse a second cluster until somebody decides."""
        outcome = await self._call(lambda: self._accounts.claim_account(claim, zone=zone, agent=agent))
        if not outcome.granted:
            log.warning(
                "account claim refused",
                **{logfields.ACCOUNT: claim.name, logfields.AGENT: agent, logfields.REASON: outcome.message},
            )
        return outcome

    async def accept_cluster(self, account: str) -> dict[str, CloseReason]:
        """Give an account to the cluster that was refused last; raises `UnknownAccount`. Returns sessions to tell of."""
        return _noted(await self._call(lambda: self._accounts.accept_cluster(account)))

    # ---- sessions

    async def open_session(self, request: OpenRequest) -> Opened:
        """Begin a session; raises `UnknownAccount` or `AccountRefused`."""
        opened = await self._call(lambda: self._store.open_session(request))
        log.info(
            "session opened",
            **{
                logfields.ACCOUNT: request.account,
                logfields.RESOURCE: request.resource.name,
                logfields.SESSION: opened.session,
                logfields.EPOCH: opened.epoch,
                logfields.VERSION: opened.checkpoint,
            },
        )
        return opened

    async def stored_versions(self, session: str, after: ObjectKey | None = None) -> tuple[list[StoredVersion], bool]:
        """Page through rows and tombstones, bytewise by key; tells whether it was the last page. Raises `SessionClosed`."""
        return await self._call(lambda: self._store.stored_versions(session, after, limit=VERSIONS_PAGE))

    async def close_gaps(self, accounts: Sequence[str], older_than_s: float) -> dict[str, CloseReason]:
        """Close sessions whose part numbers have had a hole for so long."""
        return _noted(await self._call(lambda: self._store.close_gaps(accounts, older_than_s=older_than_s)))

    async def close_all_sessions(self, reason: CloseReason = CloseReason.RESTORED) -> dict[str, CloseReason]:
        """Close every session: before a gateway serves from a restored database."""
        return _noted(await self._call(lambda: self._store.close_sessions(reason)))

    async def relist(self, account: str, *, new_epoch: bool = False) -> dict[str, CloseReason]:
        """Make an account list everything again; raises `UnknownAccount`."""
        return _noted(await self._call(lambda: self._store.relist(account, new_epoch=new_epoch)))

    # ---- data

    async def commit(self, batches: Sequence[Batch]) -> Committed:
        """Commit the parts of several batches in one transaction.

        What the database cannot hold is found by committing batches one by one; the sessions of a refused batch are closed,
        so that their reflectors list again instead of leaving a hole.
        """
        started = time.perf_counter()
        try:
            committed = await self._call(lambda: self._store.commit(batches), patience_s=self._patience.commit_s)
        except BatchRefused as refused:
            if len(batches) > 1:
                return await self._commit_apart(batches)
            tracing.fail(type(refused).__name__)
            committed = await self._refuse(batches[0], refused)
        metrics.GATEWAY_COMMITS.observe(time.perf_counter() - started, tracing.exemplar())
        _count(committed, batches)
        return committed

    async def _commit_apart(self, batches: Sequence[Batch]) -> Committed:
        whole = Committed()
        for batch in batches:
            one = await self.commit([batch])
            whole.closed.update(one.closed)
            whole.repairs.update(one.repairs)
        return whole

    async def _refuse(self, batch: Batch, refused: BatchRefused) -> Committed:
        metrics.GATEWAY_MALFORMED.inc()
        sessions = named_sessions([batch])
        log.error("batch refused", **{logfields.ERROR: chain(refused), logfields.SESSION: sessions})
        closed = await self._call(lambda: self._store.close_sessions(CloseReason.REFUSED, sessions=sessions))
        return Committed(closed=dict.fromkeys(sessions, CloseReason.REFUSED) | closed)

    async def record_states(self, reports: Sequence[StateReport]) -> None:
        """Take over what watchers say about their resources."""
        await self._call(lambda: self._store.record_states(reports))

    async def collect_garbage(self, now: datetime | None = None) -> int:
        """Drop tombstones that neither the guard nor readers need; returns how many."""
        return await self._call(lambda: self._store.collect_garbage(now or datetime.now(UTC)))

    # ---- reading

    async def accounts(self) -> list[AccountView]:
        """Every account, by name."""
        return await self._call(self._reader.accounts)

    async def resources(self, account: str, *, counted: bool = True) -> list[ResourceView]:
        """Every resource of an account with state and freshness; raises `UnknownAccount`."""
        return await self._call(lambda: self._reader.resources(account, counted=counted))

    async def objects(self, query: ObjectQuery) -> ObjectPage:
        """Read objects, bytewise by namespace and name; raises `UnknownAccount`."""
        return await self._call(lambda: self._reader.objects(query))

    async def object(self, account: str, resource: Resource, key: ObjectKey) -> StoredObject | None:
        """Read one object; raises `UnknownAccount`."""
        page = await self.objects(ObjectQuery(account, resource, key.namespace, key.name, limit=1))
        return page.objects[0] if page.objects else None

    async def changes(self, account: str, resource: Resource, *, after: int, limit: int = 500) -> Changes:
        """Read what changed behind a cursor; raises `UnknownAccount` or `CursorExpired`."""
        return await self._call(lambda: self._reader.changes(account, resource, after=after, limit=limit))

    async def _call(self, call: Callable[[], Awaitable[T]], *, patience_s: float | None = None) -> T:
        """Make a call of a port, and again while the database is away and patience lasts."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (self._patience.call_s if patience_s is None else patience_s)
        backoff = Backoff(base_s=0.05, max_s=2.0)
        while True:
            try:
                return await call()
            except DatabaseUnavailable as error:
                delay = backoff.next_s()
                if loop.time() + delay > until:
                    raise
                log.warning("database away", **{logfields.ERROR: chain(error), logfields.RETRY_S: round(delay, 2)})
                await asyncio.sleep(delay)


def _noted(closed: dict[str, CloseReason]) -> dict[str, CloseReason]:
    for session, reason in closed.items():
        metrics.GATEWAY_SESSIONS_CLOSED.labels(reason=reason.value).inc()
        log.info("session closed", **{logfields.SESSION: session, logfields.REASON: reason.value})
    return closed


def _count(committed: Committed, batches: Sequence[Batch]) -> None:
    counts = committed.counts
    for outcome, parts in (("applied", counts.applied), ("duplicate", counts.duplicate), ("fenced", counts.fenced)):
        _PARTS[outcome].inc(parts)
    for outcome, events in (
        ("written", counts.written),
        ("deleted", counts.deleted + counts.removed),
        ("superseded", counts.superseded),
    ):
        _EVENTS[outcome].inc(events)
    _noted(committed.closed)
    for repair in committed.repairs.values():
        metrics.GATEWAY_REPAIRS.inc(len(repair.names))
    if counts.applied:
        _observe_freshness(batches)


def _observe_freshness(batches: Sequence[Batch]) -> None:
    now_s = time.time()
    for batch in batches:
        for part in batch.parts:
            observe = _freshness_of(batch.sources[part.source].resource.name).observe
            for event in part.events:
                if event.changed_ms:
                    exemplar = tracing.exemplar(event.traceparent) if event.traceparent else None
                    observe(max(0.0, now_s - event.changed_ms / 1000), exemplar)


@lru_cache(maxsize=4096)
def _freshness_of(resource: str) -> Histogram:
    return metrics.GATEWAY_FRESHNESS.labels(resource)
