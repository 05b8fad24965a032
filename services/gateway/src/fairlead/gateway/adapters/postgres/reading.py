"""The mirror's reading side in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import Any

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.adapters.postgres.columns import Row, number
from fairlead.gateway.adapters.postgres.label_conditions import conditions
from fairlead.gateway.adapters.postgres.pool import Connection, Database, fetch
from fairlead.gateway.core.claims import ClusterIdentity
from fairlead.gateway.core.states import ResourceState, effective
from fairlead.gateway.core.views import (
    AccountView,
    Changes,
    Deletion,
    ObjectPage,
    ObjectQuery,
    Refusal,
    ResourceView,
    StoredObject,
)
from fairlead.gateway.errors import CursorExpired, UnknownAccount

_ACCOUNTS = """
    select name, cluster_uid, server, ca_fingerprint, mode, zone, agent, server_version, namespaces, read_roles,
        write_roles, claimed_at, refused_uid, refused_server, refused_ca_fingerprint, refused_zone, refused_agent, refused_at,
        execute_roles
    from accounts order by name
"""
_RESOURCES = """
    select r.api_group, r.api_version, r.plural, r.kind, r.namespaced, r.namespace, r.state, r.state_since, r.state_message,
        r.lost_since, r.lost_message, r.epoch, r.checkpoint::text, r.checkpoint_at, r.heard_at, r.session is not null,
        case when %s then (select count(*) from objects o where o.resource_id = r.id) end
    from resources r where r.account_id = %s order by r.api_group, r.plural, r.namespace
"""
_REFLECTORS = """
    select id, namespace from resources where account_id = %s and api_group = %s and plural = %s order by namespace
"""
_OBJECTS = """
    select namespace, name, uid, version::text, epoch, created_at, updated_at, change, labels, owners, redacted, withheld,
        {body} from objects where resource_id = %s
"""
_DELETIONS = """
    select namespace, name, uid, version::text, change, labels from tombstones
    where resource_id = %s and change > %s order by change limit %s
"""


class PostgresReader:
    """`MirrorReader` in PostgreSQL; each answer is of one snapshot of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accounts(self) -> list[AccountView]:
        """Every account."""
        async with self._database.transaction() as connection:
            return [_account(row) for row in await fetch(connection, _ACCOUNTS)]

    async def resources(self, account: str, *, counted: bool = True) -> list[ResourceView]:
        """Every reflector of an account."""
        async with self._snapshot() as connection:
            account_id, _, _ = await _find_account(connection, account)
            return [_resource(account, row) for row in await fetch(connection, _RESOURCES, [counted, account_id])]

    async def objects(self, query: ObjectQuery) -> ObjectPage:
        """Read objects in the order of namespace and name.

        An account limited to namespaces has a reflector for each of them, so reading them in the order of their
        namespaces keeps the order of the whole.
        """
        async with self._snapshot() as connection:
            account_id, change, _ = await _find_account(connection, query.account)
            found: list[StoredObject] = []
            for resource_id, namespace in await _reflectors(connection, account_id, query.resource):
                if namespace and query.namespace not in (None, namespace):
                    continue
                statement, values = _select(query, resource_id, query.limit + 1 - len(found))
                found += [_object(row) for row in await fetch(connection, statement, values, binary=True)]
                if len(found) > query.limit:
                    break
        return ObjectPage(found[: query.limit], len(found) > query.limit, change)

    async def changes(self, account: str, resource: Resource, *, after: int, limit: int) -> Changes:
        """Read what changed behind a cursor."""
        async with self._snapshot() as connection:
            account_id, change, floor = await _find_account(connection, account)
            if not floor <= after <= change:
                raise CursorExpired("deletions behind this cursor are forgotten already; list again")
            found: list[StoredObject | Deletion] = []
            statement = _OBJECTS.format(body="body") + " and change > %s order by change limit %s"
            for resource_id, _ in await _reflectors(connection, account_id, resource):
                values = [resource_id, after, limit + 1]
                found += [_object(row) for row in await fetch(connection, statement, values, binary=True)]
                found += [_deletion(row) for row in await fetch(connection, _DELETIONS, values)]
        found.sort(key=attrgetter("change"))
        if len(found) > limit:
            return Changes(found[:limit], found[limit - 1].change, more=True)
        return Changes(found, change, more=False)

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Connection]:
        async with self._database.transaction(pipelined=True) as connection:
            await connection.execute("set transaction isolation level repeatable read read only")
            yield connection


async def _find_account(connection: Connection, account: str) -> tuple[int, int, int]:
    rows = await fetch(connection, "select id, change, floor from accounts where name = %s", [account])
    if not rows:
        raise UnknownAccount(f"there is no account {account!r}")
    id_, change, floor = rows[0]
    return id_, change, floor


async def _reflectors(connection: Connection, account_id: int, resource: Resource) -> list[Row]:
    return await fetch(connection, _REFLECTORS, [account_id, resource.group, resource.plural])


def _select(query: ObjectQuery, resource_id: int, limit: int) -> tuple[str, list[Any]]:
    statement = _OBJECTS.format(body="body" if query.bodies else "''::bytea")
    values: list[Any] = [resource_id]
    for column, value in (("namespace", query.namespace), ("name", query.name)):
        if value is not None:
            statement += f" and {column} = %s"
            values.append(value)
    if query.after is not None:
        statement += " and (namespace, name) > (%s, %s)"
        values += query.after
    clauses, parameters = conditions(query.labels)
    return f"{statement}{clauses} order by namespace, name limit %s", [*values, *parameters, limit]


def _account(row: Row) -> AccountView:
    name, uid, server, ca, mode, zone, agent, server_version, namespaces, reads, writes, claimed, *refused = row
    refused_uid, refused_server, refused_ca, refused_zone, refused_agent, refused_at, executes = refused
    refusal = None
    if refused_at is not None:
        cluster = ClusterIdentity(refused_uid, refused_server, refused_ca)
        refusal = Refusal(cluster, refused_zone, refused_agent, refused_at)
    scope = tuple(namespaces), tuple(reads), tuple(writes)
    identity = ClusterIdentity(uid, server, ca)
    return AccountView(name, identity, mode, zone, agent, server_version, *scope, claimed, refusal, tuple(executes))


def _resource(account: str, row: Row) -> ResourceView:
    group, version, plural, kind, namespaced, namespace, state, since, message, lost_since, lost_message, *rest = row
    epoch, checkpoint, confirmed, heard, writing, rows = rest
    reported = ResourceState(state)
    shown = effective(reported, lost=lost_since is not None)
    if shown is not reported:
        since, message = lost_since, lost_message
    return ResourceView(
        account=account,
        resource=Resource(group, version, plural, kind, namespaced),
        namespace=namespace,
        state=shown,
        since=since,
        message=message,
        epoch=epoch,
        checkpoint=number(checkpoint),
        confirmed=confirmed,
        heard=heard,
        writing=writing,
        rows=rows,
    )


def _object(row: Row) -> StoredObject:
    namespace, name, uid, version, epoch, created, updated, change, labels, owners, redacted, withheld, body = row
    key = ObjectKey(namespace, name)
    owned = tuple(owners)
    return StoredObject(
        key, uid, int(version), epoch, created, updated, change, labels, owned, redacted, withheld, bytes(body)
    )


def _deletion(row: Row) -> Deletion:
    namespace, name, uid, version, change, labels = row
    return Deletion(ObjectKey(namespace, name), uid, int(version), change, labels)
