"""One transaction over several batches: the decisions of `core.commits`, set-wise in SQL.

Cost rules this module. A small commit takes two round trips: begin and lock, then everything else with the commit. Bodies
travel once, as one binary array for all objects of the transaction.

Change numbers. Each change of an account takes the next number of the account's counter, whose row stays locked until the
commit. So numbers become visible in order: who has read the counter at n and all changes up to n will never see another one
at or below n. That needs no horizon of transaction ids and gives one cursor for all kinds of an account; the price, that
two transactions never write one account at once, is nothing, since one agent's batches are committed one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
from psycopg import AsyncCursor
from psycopg.rows import tuple_row

from fairlead.contracts.envelope import Batch, Change, Inventory, Part
from fairlead.gateway.adapters.postgres.arrays import BoolArray, BytesArray, IntArray, TextArray
from fairlead.gateway.adapters.postgres.columns import Row, decode_ahead, encode_ahead, number, text, versions_of
from fairlead.gateway.adapters.postgres.pool import Connection, Database
from fairlead.gateway.core.commits import CommitCounts, Committed, Ledger, Reflector, StampedEvent, named_sessions
from fairlead.gateway.core.contents import read_facts
from fairlead.gateway.core.inventory import StoredVersion, judge_inventory
from fairlead.gateway.core.sessions import AHEAD_LIMIT, SessionState, may_ask
from fairlead.gateway.errors import BatchRefused

CHANNEL: Final = "fairlead_changes"
"""Hints of commits: ``changed:`` and the ids of the reflectors whose rows changed; none: any may have."""
CHANGED: Final = "changed"
PAGE_ROWS = 5000
_NOTICE_LIMIT = 4000

_LOCK_ACCOUNTS = """
    select id, name, change from accounts
    where id in (select account_id from resources where session = any(%s)) order by id for no key update
"""
_LOCK_REFLECTORS = """
    select id, account_id, session, epoch, scope, prefix, ahead, checkpoint::text, highest::text from resources
    where session = any(%s) order by id for no key update
"""
_UPSERT = """
    with revived as (
        delete from tombstones t using
            unnest(%(resources)s, %(namespaces)s, %(names)s, %(epochs)s, %(versions)s) as k (r, namespace, name, e, v)
        where t.resource_id = k.r and t.namespace = k.namespace and t.name = k.name
            and (t.epoch, t.version) < (k.e, k.v::numeric)
    )
    insert into objects (resource_id, namespace, name, epoch, version, change, added, uid, created_at, redacted, withheld,
        owners, labels, body)
    select n.r, n.namespace, n.name, n.e, n.v::numeric, n.change, n.change, n.uid, to_timestamp(n.created), n.redacted,
        n.withheld, case when n.owners = '' then '{}' else string_to_array(n.owners, ' ') end, n.labels::jsonb, n.body
    from unnest(%(resources)s, %(namespaces)s, %(names)s, %(epochs)s, %(versions)s, %(changes)s, %(uids)s, %(created)s,
        %(redacted)s, %(withheld)s, %(owners)s, %(labels)s, %(bodies)s)
        as n (r, namespace, name, e, v, change, uid, created, redacted, withheld, owners, labels, body)
    where not exists (
        select from tombstones t where t.resource_id = n.r and t.namespace = n.namespace and t.name = n.name
            and (t.epoch, t.version) >= (n.e, n.v::numeric)
    )
    on conflict (resource_id, namespace, name) do update set
        epoch = excluded.epoch, version = excluded.version, change = excluded.change, uid = excluded.uid,
        created_at = excluded.created_at, updated_at = now(), redacted = excluded.redacted, withheld = excluded.withheld,
        owners = excluded.owners, labels = excluded.labels, body = excluded.body
    where (objects.epoch, objects.version) < (excluded.epoch, excluded.version)
"""
_DELETE = """
    with d as (
        select r, namespace, name, e, v::numeric as v, change, uid
        from unnest(%(resources)s, %(namespaces)s, %(names)s, %(epochs)s, %(versions)s, %(changes)s, %(uids)s)
            as k (r, namespace, name, e, v, change, uid)
    ), gone as (
        delete from objects o using d
        where o.resource_id = d.r and o.namespace = d.namespace and o.name = d.name and (o.epoch, o.version) <= (d.e, d.v)
        returning o.resource_id, o.namespace, o.name, o.uid, o.labels, o.redacted, o.body
    ), kept as (
        insert into tombstones (resource_id, namespace, name, epoch, version, change, uid, labels, redacted, body)
        select d.r, d.namespace, d.name, d.e, d.v, d.change, coalesce(gone.uid, d.uid), coalesce(gone.labels, '{}'),
            coalesce(gone.redacted, false), coalesce(gone.body, '')
        from d left join gone on gone.resource_id = d.r and gone.namespace = d.namespace and gone.name = d.name
        where not exists (
            select from objects o where o.resource_id = d.r and o.namespace = d.namespace and o.name = d.name
                and (o.epoch, o.version) > (d.e, d.v)
        )
        on conflict (resource_id, namespace, name) do update set
            epoch = excluded.epoch, version = excluded.version, change = excluded.change, uid = excluded.uid,
            labels = excluded.labels, redacted = excluded.redacted, body = excluded.body, deleted_at = now()
        where (tombstones.epoch, tombstones.version) < (excluded.epoch, excluded.version)
    )
    select 1 from gone
"""
_RANGE = """
    select namespace, name, uid, version::text, epoch, false from objects
    where resource_id = %(resource)s and (namespace, name) {lower} (%(namespace)s, %(name)s) {upper}
    union all
    select namespace, name, '', version::text, epoch, true from tombstones
    where resource_id = %(resource)s and (namespace, name) {lower} (%(namespace)s, %(name)s) {upper}
    order by 1, 2 limit %(limit)s
"""
_SAVE = """
    with counted as (
        update accounts a set change = u.change from unnest(%(accounts)s, %(changes)s) as u (id, change) where a.id = u.id
    ), saved as (
        update resources r set session = u.session, prefix = u.prefix, ahead = u.ahead, checkpoint = u.checkpoint::numeric,
            highest = u.highest::numeric, wants_epoch = u.wants_epoch, lost_since = null, lost_message = '',
            heard_at = now(), checkpoint_at = case when u.confirmed then now() else r.checkpoint_at end,
            gap_since = case when u.ahead = '' then null when r.gap_since is null or u.prefix > r.prefix then now()
                else r.gap_since end
        from unnest(%(ids)s, %(sessions)s, %(prefixes)s, %(ahead)s, %(checkpoints)s, %(highest)s, %(wants)s, %(confirmed)s)
            as u (id, session, prefix, ahead, checkpoint, highest, wants_epoch, confirmed)
        where r.id = u.id
    )
    select pg_notify(%(channel)s, %(notice)s) where %(changed)s
"""
_encode = msgspec.json.Encoder().encode


async def commit_batches(database: Database, batches: Sequence[Batch], *, ahead_limit: int = AHEAD_LIMIT) -> Committed:
    """Commit the parts of several batches; see `MirrorStore.commit`."""
    try:
        async with database.transaction(pipelined=True) as connection:
            transaction = Transaction(connection, ahead_limit)
            committed = await transaction.apply(batches)
    except (psycopg.DataError, UnicodeEncodeError, OverflowError) as error:
        raise BatchRefused(f"PostgreSQL cannot hold a value of the batch ({type(error).__name__})") from None
    transaction.count(committed.counts)
    return committed


class Transaction:
    """Applies batches within one pipelined transaction.

    Args:
        connection: in a transaction, pipelined.
        ahead_limit: parts that may wait behind a hole.

    """

    def __init__(self, connection: Connection, ahead_limit: int) -> None:
        self._connection = connection
        self._ahead_limit = ahead_limit
        self._offered = 0
        self._changed: set[int] = set()
        self._written: list[AsyncCursor[Row]] = []
        self._deleted: list[AsyncCursor[Row]] = []
        self._removed: list[AsyncCursor[Row]] = []

    async def apply(self, batches: Sequence[Batch]) -> Committed:
        """Apply the parts in their order."""
        ledger, before = await self._lock(named_sessions(batches))
        for batch in batches:
            for part in batch.parts:
                reflector = ledger.admit(batch.sources[part.source], part.number)
                if reflector is not None:
                    await self._part(ledger, reflector, part)
        await self._write(ledger.take_events())
        await self._save(ledger, before)
        return ledger.result

    async def _lock(self, sessions: list[str]) -> tuple[Ledger, dict[int, int]]:
        """Lock accounts, then reflectors, each in the order of their ids, so that no two transactions wait in a circle."""
        names = TextArray.of(sessions)
        accounts = await self._execute(_LOCK_ACCOUNTS, [names])
        reflectors = await self._execute(_LOCK_REFLECTORS, [names])
        names_of = {}
        changes = {}
        for id_, name, change in await accounts.fetchall():
            names_of[id_], changes[id_] = name, change
        locked = {}
        for id_, account_id, session, epoch, scope, prefix, ahead, checkpoint, highest in await reflectors.fetchall():
            state = SessionState(
                epoch, scope, session, prefix, decode_ahead(ahead), number(checkpoint), number(highest)
            )
            locked[session] = Reflector(id_, account_id, names_of[account_id], state, session)
        return Ledger(locked, dict(changes), self._ahead_limit), changes

    async def _part(self, ledger: Ledger, reflector: Reflector, part: Part) -> None:
        if part.events:
            ledger.add_events(reflector, part.events)
        if part.inventory is not None:
            await self._write(ledger.take_events())
            await self._inventory(ledger, reflector, part.number, part.inventory)
        ledger.complete(reflector, part)

    async def _write(self, events: list[StampedEvent]) -> None:
        upserts = [stamped for stamped in events if stamped.event.change is Change.UPSERT]
        deletes = [stamped for stamped in events if stamped.event.change is Change.DELETE]
        self._changed.update(stamped.reflector.id for stamped in events)
        if upserts:
            self._offered += len(upserts)
            self._written.append(await self._execute(_UPSERT, _identities(upserts) | _contents(upserts)))
        if deletes:
            self._deleted.append(await self._execute(_DELETE, _identities(deletes)))

    async def _inventory(self, ledger: Ledger, reflector: Reflector, part: int, inventory: Inventory) -> None:
        state = reflector.state
        stored = await self._range(reflector.id, inventory)
        verdict = judge_inventory(inventory, stored, epoch=state.epoch, may_ask=may_ask(state, part))
        ledger.judge(reflector, verdict, inventory.snapshot)
        for start in range(0, len(verdict.removed), PAGE_ROWS):
            keys = verdict.removed[start : start + PAGE_ROWS]
            self._changed.add(reflector.id)
            parameters = {
                "resources": IntArray.of([reflector.id] * len(keys)),
                "namespaces": TextArray.of(key.namespace for key in keys),
                "names": TextArray.of(key.name for key in keys),
                "epochs": IntArray.of([state.epoch] * len(keys)),
                "versions": TextArray.of([str(inventory.snapshot)] * len(keys)),
                "changes": IntArray.of([ledger.next_change(reflector) for _ in keys]),
                "uids": TextArray.of([""] * len(keys)),
            }
            self._removed.append(await self._execute(_DELETE, parameters))

    async def _range(self, resource_id: int, inventory: Inventory) -> list[StoredVersion]:
        """Everything stored in the key range of a chunk, fetched page by page."""
        namespace, name = inventory.first or ("", "")
        upper = "" if inventory.until is None else "and (namespace, name) < (%(to_namespace)s, %(to_name)s)"
        to_namespace, to_name = inventory.until or ("", "")
        parameters = {"resource": resource_id, "to_namespace": to_namespace, "to_name": to_name, "limit": PAGE_ROWS}
        stored: list[StoredVersion] = []
        lower = ">="
        while True:
            query = _RANGE.format(lower=lower, upper=upper)
            cursor = await self._execute(query, parameters | {"namespace": namespace, "name": name})
            page = versions_of(await cursor.fetchall())
            stored += page
            if len(page) < PAGE_ROWS:
                return stored
            lower, (namespace, name) = ">", page[-1].key

    async def _save(self, ledger: Ledger, before: dict[int, int]) -> None:
        touched = list(ledger.touched.values())
        if not touched:
            return
        states = [reflector.state for reflector in touched]
        changed = {id_: change for id_, change in ledger.changes.items() if change != before[id_]}
        notice = " ".join(map(str, sorted(self._changed)))
        parameters = {
            "ids": IntArray.of(reflector.id for reflector in touched),
            "sessions": TextArray.of(state.session for state in states),
            "prefixes": IntArray.of(state.prefix for state in states),
            "ahead": TextArray.of(encode_ahead(state.ahead) for state in states),
            "checkpoints": TextArray.of(text(state.checkpoint) for state in states),
            "highest": TextArray.of(text(state.highest) for state in states),
            "wants": BoolArray.of(state.wants_epoch for state in states),
            "confirmed": BoolArray.of(reflector.confirmed for reflector in touched),
            "accounts": IntArray.of(changed),
            "changes": IntArray.of(changed.values()),
            "channel": CHANNEL,
            "notice": f"{CHANGED}:{notice if len(notice) < _NOTICE_LIMIT else ''}",
            "changed": bool(changed),
        }
        await self._execute(_SAVE, parameters)

    def count(self, counts: CommitCounts) -> None:
        """Add the numbers that only the database knows, once the pipeline has ended."""
        counts.written += sum(cursor.rowcount for cursor in self._written)
        counts.deleted += sum(cursor.rowcount for cursor in self._deleted)
        counts.removed += sum(cursor.rowcount for cursor in self._removed)
        counts.superseded += self._offered - counts.written

    async def _execute(self, statement: str, parameters: Any) -> AsyncCursor[Row]:
        cursor = self._connection.cursor(row_factory=tuple_row)
        return await cursor.execute(statement, parameters, prepare=True)


def _identities(events: Sequence[StampedEvent]) -> dict[str, Any]:
    return {
        "resources": IntArray.of([stamped.reflector.id for stamped in events]),
        "namespaces": TextArray.of([stamped.event.key.namespace for stamped in events]),
        "names": TextArray.of([stamped.event.key.name for stamped in events]),
        "epochs": IntArray.of([stamped.reflector.state.epoch for stamped in events]),
        "versions": TextArray.of([str(stamped.event.version) for stamped in events]),
        "changes": IntArray.of([stamped.change for stamped in events]),
        "uids": TextArray.of([stamped.event.uid for stamped in events]),
    }


def _contents(events: Sequence[StampedEvent]) -> dict[str, Any]:
    facts = [read_facts(stamped.event.object) for stamped in events]
    return {
        "created": IntArray.of([_seconds(fact.created) for fact in facts]),
        "redacted": BoolArray.of([stamped.event.redacted for stamped in events]),
        "withheld": TextArray.of([stamped.event.withheld for stamped in events]),
        "owners": TextArray.of([" ".join(fact.owners) for fact in facts]),
        "labels": TextArray([_encode(fact.labels) for fact in facts]),
        "bodies": BytesArray([stamped.event.object for stamped in events]),
    }


def _seconds(moment: datetime | None) -> int | None:
    """Unix seconds: the precision of Kubernetes."""
    return None if moment is None else int(moment.timestamp())
