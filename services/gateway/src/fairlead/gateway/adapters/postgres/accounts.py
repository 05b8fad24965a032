"""Accounts in PostgreSQL: whose cluster a name means."""

from __future__ import annotations

from typing import Any

from fairlead.gateway.adapters.postgres.pool import Connection, Database, fetch
from fairlead.gateway.core.claims import (
    GRANTED,
    AccountClaim,
    ClaimOutcome,
    ClusterIdentity,
    merge_identity,
    refuse_other_cluster,
    retires,
    same_cluster,
)
from fairlead.gateway.core.sessions import CloseReason
from fairlead.gateway.errors import UnknownAccount

_ADD = """
    insert into accounts (name, cluster_uid, server, ca_fingerprint, mode, zone, agent, server_version, namespaces,
        read_roles, write_roles)
    values (%s, %s, %s, %s, '', '', '', '', '{}', '{}', '{}') on conflict (name) do nothing
"""
_LOCK = "select id, cluster_uid, server, ca_fingerprint from accounts where name = %s for no key update"
_GRANT = """
    update accounts set cluster_uid = %s, server = %s, ca_fingerprint = %s, mode = %s, zone = %s, agent = %s,
        server_version = %s, namespaces = %s, read_roles = %s, write_roles = %s, execute_roles = %s,
        claimed_at = now()
    where id = %s
"""
_REFUSE = """
    update accounts set refused_uid = %s, refused_server = %s, refused_ca_fingerprint = %s, refused_zone = %s,
        refused_agent = %s, refused_at = now()
    where id = %s
"""
_ACCEPT = """
    update accounts set cluster_uid = refused_uid, server = refused_server, ca_fingerprint = refused_ca_fingerprint,
        zone = refused_zone, agent = refused_agent, claimed_at = now(), change = change + 1, floor = change + 1,
        refused_uid = null, refused_server = null, refused_ca_fingerprint = null, refused_zone = null, refused_agent = null, refused_at = null
    where name = %s and refused_at is not null returning id
"""
_EXPIRE = "update accounts set change = change + 1, floor = change + 1 where id = %s"
_CLEAR = """
    update resources r set session = null, prefix = 0, ahead = '', gap_since = null, checkpoint = null,
        checkpoint_at = null, outlived = greatest(outlived, highest), highest = null, wants_epoch = true,
        state = 'listing', state_since = now(), state_message = ''
    from (select id, session from resources where account_id = %s order by id for no key update) as o
    where r.id = o.id returning o.session
"""


class PostgresAccounts:
    """`AccountStore` in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_account(self, claim: AccountClaim, *, zone: str, agent: str) -> ClaimOutcome:
        """Bind an account to its first cluster, or refuse another one and remember the refusal."""
        claimed = claim.cluster
        async with self._database.transaction() as connection:
            found: list[tuple[Any, ...]] = []
            while not found:  # it may be removed between the two
                await connection.execute(_ADD, [claim.name, *_columns(claimed)])
                found = await fetch(connection, _LOCK, [claim.name])
            account_id, *identity = found[0]
            stored = ClusterIdentity(*identity)
            if not same_cluster(stored, claimed):
                await connection.execute(_REFUSE, [*_columns(claimed), zone, agent, account_id])
                return refuse_other_cluster(claim.name, stored, claimed)
            scope = [
                list(each) for each in (claim.namespaces, claim.read_roles, claim.write_roles, claim.execute_roles)
            ]
            values = [*_columns(merge_identity(stored, claimed)), claim.mode, zone, agent, claim.server_version, *scope]
            await connection.execute(_GRANT, [*values, account_id])
            await self._retire(connection, account_id, claim.namespaces)
        return GRANTED

    async def accept_cluster(self, account: str) -> dict[str, CloseReason]:
        """Give an account to the cluster that was refused last; the rows of the former one go."""
        async with self._database.transaction() as connection:
            accepted = await fetch(connection, _ACCEPT, [account])
            if not accepted:
                raise UnknownAccount(f"there is no account {account!r} that a second cluster claims")
            closed = await fetch(connection, _CLEAR, [accepted[0][0]])
            await _drop_rows(connection, "select id from resources where account_id = %s", accepted[0][0])
        return {session: CloseReason.SUPERSEDED for (session,) in closed if session is not None}

    async def _retire(self, connection: Connection, account_id: int, namespaces: tuple[str, ...]) -> None:
        """Forget reflectors of namespaces that the account no longer has: it is configured so, they are not merely lost."""
        reflectors = await fetch(
            connection, "select id, namespaced, namespace from resources where account_id = %s", [account_id]
        )
        retired = [
            id_
            for id_, namespaced, namespace in reflectors
            if retires(namespaces, namespaced=namespaced, namespace=namespace)
        ]
        if retired:
            await connection.execute("delete from resources where id = any(%s)", [retired])
            await _drop_rows(connection, "select unnest(%s::integer[])", retired)
            await connection.execute(_EXPIRE, [account_id])


async def _drop_rows(connection: Connection, resources: str, value: Any) -> None:
    for table in ("objects", "tombstones"):
        statement = f"delete from {table} where resource_id in ({resources})"  # noqa: S608 - constants only
        await connection.execute(statement, [value])


def _columns(cluster: ClusterIdentity) -> list[str]:
    return [cluster.uid, cluster.server, cluster.ca_fingerprint]
