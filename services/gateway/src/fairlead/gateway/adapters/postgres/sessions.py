"""Sessions in PostgreSQL: opening and closing them, what they hold, how their resources stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.adapters.postgres.columns import decode_ahead, number, text, versions_of
from fairlead.gateway.adapters.postgres.pool import Connection, Database, fetch
from fairlead.gateway.core.claims import ClusterIdentity, refuse_other_cluster, same_cluster
from fairlead.gateway.core.inventory import StoredVersion
from fairlead.gateway.core.sessions import CloseReason, Opened, OpenRequest, SessionState, begin
from fairlead.gateway.core.states import StateReport
from fairlead.gateway.errors import AccountRefused, SessionClosed, UnknownAccount

CURSOR_JUMP = 2**40
"""Added to change counters when a database was restored: no number that readers may hold comes again."""

_ACCOUNT = "select id, cluster_uid, server, ca_fingerprint from accounts where name = %s"
_ADD_REFLECTOR = """
    insert into resources (account_id, api_group, plural, namespace, api_version, kind, namespaced)
    values (%s, %s, %s, %s, %s, %s, %s) on conflict (account_id, api_group, plural, namespace) do nothing
"""
_LOCK_REFLECTOR = """
    select id, epoch, scope, session, prefix, ahead, checkpoint::text, highest::text, wants_epoch,
        coalesce((extract(epoch from now() - checkpoint_at) * 1000)::bigint, 0)
    from resources where account_id = %s and api_group = %s and plural = %s and namespace = %s for no key update
"""
_OPEN = """
    update resources set api_version = %s, kind = %s, namespaced = %s,
        outlived = case when epoch = %s then outlived else greatest(outlived, highest) end, epoch = %s, scope = %s,
        session = %s, prefix = 0, ahead = '', gap_since = null, checkpoint = %s::numeric, highest = %s::numeric,
        wants_epoch = false, checkpoint_at = case when %s::numeric is null then null else checkpoint_at end, heard_at = now()
    where id = %s
"""
_VERSIONS = """
    (select namespace, name, uid, version::text, epoch, false from objects
        where resource_id = %(resource)s and (namespace, name) > (%(namespace)s, %(name)s)
        order by namespace, name limit %(limit)s)
    union all
    (select namespace, name, '', version::text, epoch, true from tombstones
        where resource_id = %(resource)s and epoch = %(epoch)s and (namespace, name) > (%(namespace)s, %(name)s)
        order by namespace, name limit %(limit)s)
    order by 1, 2 limit %(limit)s
"""
_CLOSE = """
    update resources r set session = null, prefix = 0, ahead = '', gap_since = null
    from (select id, session from resources where session is not null and {condition} order by id
        for no key update) as o
    where r.id = o.id returning o.session
"""
# Before resources are written in whatever order: commits lock accounts first too, so nobody waits in a circle.
_LOCK_ACCOUNTS = "select from accounts where name = any(%s) order by id for no key update"
_REPORT = """
    insert into resources (account_id, api_group, plural, namespace, api_version, kind, namespaced, state, state_since,
        state_message)
    select id, %s, %s, %s, %s, %s, %s, %s, %s, %s from accounts where name = %s
    on conflict (account_id, api_group, plural, namespace) do update set
        state = excluded.state, state_since = excluded.state_since, state_message = excluded.state_message,
        lost_since = null, lost_message = '', heard_at = now()
"""
_LOST = """
    update resources set lost_since = %s, lost_message = %s
    where lost_since is null and account_id in (
        select id from accounts a where name = any(%s) and not exists (select from links l where a.name = any(l.accounts))
    )
"""
_COLLECT = """
    with forgotten as (
        delete from tombstones t using resources r
        where r.id = t.resource_id and t.deleted_at <= %s and r.checkpoint is not null
            and (t.epoch, t.version) <= (r.epoch, r.checkpoint)
        returning r.account_id, t.change
    ), raised as (
        update accounts a set floor = f.change
        from (select account_id, max(change) as change from forgotten group by account_id) as f
        where a.id = f.account_id and a.floor < f.change
    )
    select count(*) from forgotten
"""


async def open_session(database: Database, request: OpenRequest, new_session: Callable[[], str]) -> Opened:
    """Begin a session; see `MirrorStore.open_session`."""
    async with database.transaction() as connection:
        account_id = await _account_of(connection, request)
        resource = request.resource
        key = [account_id, resource.group, resource.plural, request.namespace]
        kind = [resource.version, resource.kind, resource.namespaced]
        await connection.execute(_ADD_REFLECTOR, [*key, *kind])
        row = (await fetch(connection, _LOCK_REFLECTOR, key))[0]
        id_, epoch, scope, session, prefix, ahead, checkpoint, highest, wants_epoch, age_ms = row
        stored = SessionState(
            epoch, scope, session, prefix, decode_ahead(ahead), number(checkpoint), number(highest), wants_epoch
        )
        state = begin(stored, request, new_session())
        kept = text(state.checkpoint)
        values = [*kind, state.epoch, state.epoch, state.scope, state.session, kept, text(state.highest), kept, id_]
        await connection.execute(_OPEN, values)
        counted = await fetch(connection, "select count(*) from objects where resource_id = %s", [id_])
    age = 0 if state.checkpoint is None else age_ms
    return Opened(state.session or "", state.epoch, state.checkpoint, age, state.highest, counted[0][0])


async def _account_of(connection: Connection, request: OpenRequest) -> int:
    rows = await fetch(connection, _ACCOUNT, [request.account])
    if not rows:
        raise UnknownAccount(f"nobody claimed account {request.account!r}; claim it before opening sessions")
    account_id, *identity = rows[0]
    stored = ClusterIdentity(*identity)
    if not same_cluster(stored, request.cluster):
        raise AccountRefused(refuse_other_cluster(request.account, stored, request.cluster).message)
    return int(account_id)


async def stored_versions(
    database: Database, session: str, after: ObjectKey | None, limit: int
) -> tuple[list[StoredVersion], bool]:
    """Page through what a session starts from; see `MirrorStore.stored_versions`."""
    async with database.transaction() as connection:
        current = await fetch(connection, "select id, epoch from resources where session = %s", [session])
        if not current:
            raise SessionClosed("the session is not current; open a new one")
        resource_id, epoch = current[0]
        namespace, name = after or ("", "")
        values = {"resource": resource_id, "epoch": epoch, "namespace": namespace, "name": name, "limit": limit + 1}
        page = versions_of(await fetch(connection, _VERSIONS, values))
    return page[:limit], len(page) <= limit


async def close_gaps(database: Database, accounts: Sequence[str], older_than_s: float) -> dict[str, CloseReason]:
    """Close sessions whose numbers have had a hole for so long; see `MirrorStore.close_gaps`."""
    condition = "gap_since <= now() - make_interval(secs => %s) and account_id in (select id from accounts where name = any(%s))"
    return await _close(database, condition, [older_than_s, list(accounts)], CloseReason.GAP)


async def close_sessions(
    database: Database, reason: CloseReason, sessions: Sequence[str] | None
) -> dict[str, CloseReason]:
    """Close these sessions, or all; see `MirrorStore.close_sessions`."""
    if sessions is not None:
        return await _close(database, "session = any(%s)", [list(sessions)], reason)
    async with database.transaction() as connection:
        await connection.execute(
            "update accounts set change = change + %(jump)s, floor = change + %(jump)s", {"jump": CURSOR_JUMP}
        )
        return await _close_in(connection, "true", [], reason)


async def relist(database: Database, account: str, *, new_epoch: bool) -> dict[str, CloseReason]:
    """Make an account list again; see `MirrorStore.relist`."""
    async with database.transaction() as connection:
        rows = await fetch(connection, "select id from accounts where name = %s for no key update", [account])
        if not rows:
            raise UnknownAccount(f"there is no account {account!r}")
        closed = await _close_in(connection, "account_id = %s", list(rows[0]), CloseReason.RELIST)
        await connection.execute(
            "update resources set checkpoint = null, checkpoint_at = null, wants_epoch = wants_epoch or %s"
            " where account_id = %s",
            [new_epoch, rows[0][0]],
        )
    return closed


async def record_states(database: Database, reports: Sequence[StateReport]) -> None:
    """Take over what watchers say; see `MirrorStore.record_states`."""
    async with database.transaction(pipelined=True) as connection:
        await connection.execute(_LOCK_ACCOUNTS, [[report.account for report in reports]])
        for report in reports:
            kind = report.resource
            identity = [kind.group, kind.plural, report.namespace, kind.version, kind.kind, kind.namespaced]
            state = [report.state.value, report.since, report.message.replace("\0", "")]
            await connection.execute(_REPORT, [*identity, *state, report.account])


async def mark_stale(connection: Connection, accounts: Sequence[str], since: datetime, message: str) -> None:
    """Say that nothing is heard of those of these accounts that no connection serves; see `LinkStore.remove`."""
    if not accounts:
        return
    # Of two that forget the last connections of an account at once, the second looks when the first is done.
    await connection.execute(_LOCK_ACCOUNTS, [list(accounts)])
    await connection.execute(_LOST, [since, message, list(accounts)])


async def collect_garbage(database: Database, deleted_before: datetime) -> int:
    """Drop tombstones of before that the guard no longer needs, and let older change cursors expire."""
    async with database.transaction() as connection:
        rows = await fetch(connection, _COLLECT, [deleted_before])
    return int(rows[0][0])


async def _close(database: Database, condition: str, values: list[Any], reason: CloseReason) -> dict[str, CloseReason]:
    async with database.transaction() as connection:
        return await _close_in(connection, condition, values, reason)


async def _close_in(
    connection: Connection, condition: str, values: list[Any], reason: CloseReason
) -> dict[str, CloseReason]:
    statement = _CLOSE.format(condition=condition)
    return {session: reason for (session,) in await fetch(connection, statement, values)}
