"""The mirror in memory: `MirrorStore`, `AccountStore` and `MirrorReader` over the gateway's own decisions.

The contract suite holds it against PostgreSQL, so that tests may use it instead where speed counts. `MemoryMirror.backup` and
`MemoryMirror.restore` do what a restored database does.
"""

from __future__ import annotations

import copy
import itertools
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from tests.support.mirror_accounts import MemoryAccounts
from tests.support.mirror_listing import MemoryListing
from tests.support.mirror_reading import MemoryReader
from tests.support.mirror_tables import CURSOR_JUMP, Held, Tables, Tombstone, bytewise, close_all, now_utc

from fairlead.contracts.envelope import Batch, Change, Inventory, Part
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.claims import (
    refuse_other_cluster,
    same_cluster,
)
from fairlead.gateway.core.commits import Committed, Ledger, Reflector, StampedEvent
from fairlead.gateway.core.contents import read_facts
from fairlead.gateway.core.guard import Mark, may_forget, supersedes
from fairlead.gateway.core.inventory import StoredVersion, in_range, judge_inventory
from fairlead.gateway.core.sessions import AHEAD_LIMIT, CloseReason, Opened, OpenRequest, begin, may_ask
from fairlead.gateway.core.states import StateReport
from fairlead.gateway.core.views import (
    StoredObject,
)
from fairlead.gateway.errors import AccountRefused, SessionClosed

__all__ = ["Held", "MemoryMirror", "Tables", "numbered_sessions"]


class MemoryMirror(MemoryAccounts, MemoryReader, MemoryListing):
    """See the module; ``clock`` is the database's clock."""

    def __init__(
        self,
        *,
        new_session: Callable[[], str] = lambda: secrets.token_hex(16),
        ahead_limit: int = AHEAD_LIMIT,
        tombstone_age_s: float = 3600.0,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self.tables = Tables()
        self._new_session = new_session
        self._ahead_limit = ahead_limit
        self._tombstone_age = timedelta(seconds=tombstone_age_s)
        self._clock = clock

    def backup(self) -> Tables:
        """A copy of everything."""
        return copy.deepcopy(self.tables)

    def restore(self, tables: Tables | None = None) -> None:
        """Go back to a copy, or to nothing; the caller has to close all sessions then, as operators do."""
        self.tables = copy.deepcopy(tables) if tables is not None else Tables()

    # ---- sessions

    # The ports document these methods.
    # ruff: noqa: D102

    async def open_session(self, request: OpenRequest) -> Opened:
        account = self._account(request.account)
        if not same_cluster(account.cluster, request.cluster):
            raise AccountRefused(refuse_other_cluster(request.account, account.cluster, request.cluster).message)
        held = self._held(request.account, request.resource, request.namespace)
        state = begin(held.sessions, request, self._new_session())
        if state.epoch != held.sessions.epoch:
            held.outlive()
        held.sessions, held.resource, held.heard, held.gap_since = state, request.resource, self._clock(), None
        held.confirmed = held.confirmed if state.checkpoint is not None else None
        age = self._clock() - held.confirmed if held.confirmed else timedelta()
        age_ms = int(age.total_seconds() * 1000)
        return Opened(state.session or "", state.epoch, state.checkpoint, age_ms, state.highest, len(held.rows))

    async def stored_versions(
        self, session: str, after: ObjectKey | None, *, limit: int
    ) -> tuple[list[StoredVersion], bool]:
        held = self._writers().get(session)
        if held is None:
            raise SessionClosed("the session is not current; open a new one")
        epoch = held.sessions.epoch
        found = [
            version
            for version in held.versions()
            if (not version.tombstone or version.epoch == epoch)
            and (after is None or bytewise(version.key) > bytewise(after))
        ]
        return found[:limit], len(found) <= limit

    async def close_gaps(self, accounts: Sequence[str], *, older_than_s: float) -> dict[str, CloseReason]:
        limit = self._clock() - timedelta(seconds=older_than_s)
        late = [
            held
            for held in self.tables.reflectors.values()
            if held.account in accounts and held.gap_since is not None and held.gap_since <= limit
        ]
        return close_all(late, CloseReason.GAP)

    async def close_sessions(
        self, reason: CloseReason, *, sessions: Sequence[str] | None = None
    ) -> dict[str, CloseReason]:
        if sessions is not None:
            return close_all([held for session, held in self._writers().items() if session in sessions], reason)
        for account in self.tables.accounts:
            self.tables.changes[account] += CURSOR_JUMP
            self.tables.floors[account] = self.tables.changes[account]
        return close_all(list(self.tables.reflectors.values()), reason)

    async def relist(self, account: str, *, new_epoch: bool) -> dict[str, CloseReason]:
        self._account(account)
        mine = [held for held in self.tables.reflectors.values() if held.account == account]
        for held in mine:
            held.sessions.checkpoint = None
            held.sessions.wants_epoch |= new_epoch
        return close_all(mine, CloseReason.RELIST)

    # ---- data

    async def commit(self, batches: Sequence[Batch]) -> Committed:
        writers = self._writers()
        ids = {account: number for number, account in enumerate(self.tables.accounts)}
        locked = {
            session: Reflector(0, ids[held.account], held.account, held.sessions, session)
            for session, held in writers.items()
        }
        numbers = {ids[account]: change for account, change in self.tables.changes.items()}
        ledger = Ledger(locked, numbers, self._ahead_limit)
        before = {session: state.state.prefix for session, state in locked.items()}
        for batch in batches:
            for part in batch.parts:
                reflector = ledger.admit(batch.sources[part.source], part.number)
                if reflector is not None:
                    self._part(ledger, reflector, part, writers)
        self._write(ledger, writers)
        for session, reflector in ledger.touched.items():
            self._save(writers[session], reflector, before[session])
        self.tables.changes = {account: numbers[ids[account]] for account in self.tables.accounts}
        return ledger.result

    def _part(self, ledger: Ledger, reflector: Reflector, part: Part, writers: dict[str, Held]) -> None:
        if part.events:
            ledger.add_events(reflector, part.events)
        if part.inventory is not None:
            self._write(ledger, writers)
            self._inventory(ledger, reflector, part.number, part.inventory, writers[reflector.session])
        ledger.complete(reflector, part)

    def _write(self, ledger: Ledger, writers: dict[str, Held]) -> None:
        counts = ledger.result.counts
        for stamped in ledger.take_events():
            held = writers[stamped.reflector.session]
            event = stamped.event
            deletes = event.change is Change.DELETE
            mark = Mark(stamped.reflector.state.epoch, event.version, deletes)
            if not supersedes(mark, held.mark(event.key)):
                counts.superseded += not deletes
            elif deletes:
                counts.deleted += self._bury(held, event.key, mark, event.uid, stamped.change)
            else:
                counts.written += 1
                held.tombstones.pop(event.key, None)
                held.added.setdefault(event.key, stamped.change)
                held.rows[event.key] = self._row(stamped)

    def _bury(self, held: Held, key: ObjectKey, mark: Mark, uid: str, change: int) -> bool:
        row = held.rows.pop(key, None)
        uid, labels = (row.uid, row.labels) if row else (uid, {})
        last = (row.redacted, row.body) if row else (False, b"")
        held.added.pop(key, None)
        held.tombstones[key] = Tombstone(uid, mark.epoch, mark.version, change, labels, self._clock(), *last)
        return row is not None

    def _row(self, stamped: StampedEvent) -> StoredObject:
        event = stamped.event
        facts = read_facts(event.object)
        return StoredObject(
            key=event.key,
            uid=event.uid,
            version=event.version,
            epoch=stamped.reflector.state.epoch,
            created=facts.created,
            updated=self._clock(),
            change=stamped.change,
            labels=facts.labels,
            owners=facts.owners,
            redacted=event.redacted,
            withheld=event.withheld,
            body=event.object,
        )

    def _inventory(self, ledger: Ledger, reflector: Reflector, number: int, inventory: Inventory, held: Held) -> None:
        epoch = reflector.state.epoch
        stored = [version for version in held.versions() if in_range(inventory, version.key)]
        verdict = judge_inventory(inventory, stored, epoch=epoch, may_ask=may_ask(reflector.state, number))
        ledger.judge(reflector, verdict, inventory.snapshot)
        mark = Mark(epoch, inventory.snapshot, deleted=True)
        for key in verdict.removed:
            ledger.result.counts.removed += self._bury(held, key, mark, "", ledger.next_change(reflector))

    def _save(self, held: Held, reflector: Reflector, prefix: int) -> None:
        state = reflector.state
        held.heard, held.lost = self._clock(), None
        if reflector.confirmed:
            held.confirmed = self._clock()
        if not state.ahead:
            held.gap_since = None
        elif held.gap_since is None or state.prefix > prefix:
            held.gap_since = self._clock()

    async def record_states(self, reports: Sequence[StateReport]) -> None:
        for report in reports:
            if report.account in self.tables.accounts:
                held = self._held(report.account, report.resource, report.namespace)
                held.state, held.since, held.message = report.state, report.since, report.message
                held.heard, held.lost = self._clock(), None

    async def mark_stale(self, accounts: Sequence[str], since: datetime, message: str) -> None:
        for held in self.tables.reflectors.values():
            if held.account in accounts and held.lost is None:
                held.lost = since, message

    async def collect_garbage(self, now: datetime) -> int:
        dropped = 0
        for held in self.tables.reflectors.values():
            epoch, checkpoint = held.sessions.epoch, held.sessions.checkpoint
            for key, dead in list(held.tombstones.items()):
                mark = Mark(dead.epoch, dead.version, deleted=True)
                old = dead.deleted <= now - self._tombstone_age
                if old and may_forget(mark, epoch=epoch, checkpoint=checkpoint):
                    del held.tombstones[key]
                    dropped += 1
                    self.tables.floors[held.account] = max(self.tables.floors[held.account], dead.change)
        return dropped

    # ---- inside

    def _held(self, account: str, resource: Resource, namespace: str) -> Held:
        key = account, resource.group, resource.plural, namespace
        if key not in self.tables.reflectors:
            self.tables.reflectors_made += 1
            self.tables.reflectors[key] = Held(
                account, resource, namespace, self._clock(), id=self.tables.reflectors_made
            )
        return self.tables.reflectors[key]

    def _writers(self) -> dict[str, Held]:
        return {
            held.sessions.session: held for held in self.tables.reflectors.values() if held.sessions.session is not None
        }


def numbered_sessions(prefix: str = "session") -> Callable[[], str]:
    """Make session ids that a test can foretell."""
    numbers = itertools.count(1)
    return lambda: f"{prefix}-{next(numbers)}"
