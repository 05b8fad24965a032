"""Grace periods and the removal of accounts in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fairlead.gateway.adapters.postgres.pool import Connection, Database, fetch
from fairlead.gateway.core.registration.grace import Presence
from fairlead.gateway.ports.registration import Presences

DUTY = "removal"
GRACE_MODE = "agent"
"""Agents elsewhere keep clusters by kubeconfig: their accounts go by decision alone."""
CLAIM_S = 3.0
"""An account that was claimed so lately has an agent, although its connection may not be told of yet."""
_SERVED = "exists (select from links l where a.name = any(l.accounts))"
_PRESENCES = f"""
    select a.name, {_SERVED} or a.claimed_at > now() - make_interval(secs => %s), coalesce(b.counted_s, 0)
    from accounts a left join absences b on b.account = a.name where a.mode = %s order by a.name
"""  # noqa: S608 - constants only
_COUNT = """
    insert into absences (account, counted_s) select * from unnest(%s::text[], %s::double precision[])
    on conflict (account) do update set counted_s = excluded.counted_s
"""
_TICKED = "update duties set ticked_at = %s where name = %s"
_GIVE_UP = f"""
    insert into registrations as g (account, wanted, by_whom) select a.name, 'removed', %s from accounts a
    where a.name = any(%s) and not ({_SERVED} or a.claimed_at > now() - make_interval(secs => %s))
    on conflict (account) do update set wanted = excluded.wanted, by_whom = excluded.by_whom, adopt = false, attempts = 0,
        next_at = now(), message = '' where g.wanted <> 'removed'
    returning account
"""  # noqa: S608 - constants only
_TAKE_BACK = f"""
    update registrations g set wanted = 'registered', by_whom = '', next_at = now(), attempts = 0, digest = '',
        message = 'its agent came back before it was removed'
    from accounts a where a.name = g.account and g.wanted = 'removed' and {_SERVED} returning g.account
"""  # noqa: S608 - constants only
_LEAVING = "select account from registrations where wanted = 'removed' and (server = '' or %s) order by account"
_LOCK = f"""
    select a.id, {_SERVED} or a.claimed_at > now() - make_interval(secs => %s) from accounts a where a.name = %s for update
"""  # noqa: S608 - constants only
_ABANDON = "insert into abandoned_resources (resource_id) select id from resources where account_id = %s"
_FORGET = (
    "delete from accounts where name = %s",
    "delete from documents where account = %s",
    "delete from write_marks where account = %s",
    "delete from absences where account = %s",
    "delete from registrations where account = %s",
)
_REVOKE = """
    update tokens set revoked_at = now()
    where revoked_at is null and created_by = 'registration' and accounts = array[%s]
"""
_PURGE = """
    delete from {table} where ctid = any(array(select ctid from {table} where resource_id = %s limit %s))
"""


class PostgresRemoval:
    """`RemovalStore` in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def presences(self) -> Presences:
        """Look which accounts in agent mode are served."""
        async with self._database.transaction() as connection:
            rows = await fetch(connection, _PRESENCES, [CLAIM_S, GRACE_MODE])
            ticked = await fetch(connection, "select ticked_at from duties where name = %s", [DUTY])
        return Presences([Presence(*row) for row in rows], ticked[0][0] if ticked else None)

    async def count(self, counted: Mapping[str, float], ticked: datetime) -> None:
        """Remember what was counted, and that somebody looked."""
        back = [account for account, seconds in counted.items() if not seconds]
        missing = {account: seconds for account, seconds in counted.items() if seconds}
        async with self._database.transaction() as connection:
            await connection.execute(_TICKED, [ticked, DUTY])
            if back:
                await connection.execute("delete from absences where account = any(%s)", [back])
            if missing:
                await connection.execute(_COUNT, [list(missing), list(missing.values())])

    async def give_up(self, accounts: Sequence[str], *, by: str) -> list[str]:
        """Decide that accounts are to be removed."""
        async with self._database.transaction() as connection:
            return _names(await fetch(connection, _GIVE_UP, [by, list(accounts), CLAIM_S]))

    async def take_back(self) -> list[str]:
        """Call off removals of accounts that are served again."""
        async with self._database.transaction() as connection:
            return _names(await fetch(connection, _TAKE_BACK))

    async def leaving(self, *, registered_too: bool) -> list[str]:
        """Accounts whose rows may go."""
        async with self._database.transaction() as connection:
            return _names(await fetch(connection, _LEAVING, [registered_too]))

    async def remove(self, account: str) -> bool:
        """Remove an account as a whole; its objects, which may be many, are left to `purge`."""
        async with self._database.transaction() as connection:
            found = await fetch(connection, _LOCK, [CLAIM_S, account])
            if found and found[0][1]:
                return False
            wanted = await fetch(
                connection, "select wanted from registrations where account = %s for update", [account]
            )
            if wanted != [("removed",)]:
                return False
            if found:
                await connection.execute(_ABANDON, [found[0][0]])
            for statement in (*_FORGET, _REVOKE):
                await connection.execute(statement, [account])
        return True

    async def purge(self, limit: int) -> int:
        """Delete so many objects and tombstones of removed accounts, at most."""
        async with self._database.transaction() as connection:
            waiting = await fetch(
                connection, "select resource_id from abandoned_resources limit 1 for update skip locked"
            )
            return await _purge(connection, waiting[0][0], limit) if waiting else 0


async def _purge(connection: Connection, resource_id: int, limit: int) -> int:
    for table in ("objects", "tombstones"):
        cursor = await connection.execute(_PURGE.format(table=table), [resource_id, limit])
        if cursor.rowcount:
            return cursor.rowcount
    await connection.execute("delete from abandoned_resources where resource_id = %s", [resource_id])
    return 1  # so that the next reflector follows


def _names(rows: list[tuple[Any, ...]]) -> list[str]:
    return [row[0] for row in rows]
