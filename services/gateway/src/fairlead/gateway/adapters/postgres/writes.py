"""The journal of writes in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import DictRow
from ulid import ULID

from fairlead.gateway.adapters.postgres.columns import number, text
from fairlead.gateway.adapters.postgres.marks import CAUGHT_UP, clear_mark, set_mark
from fairlead.gateway.adapters.postgres.pool import Database, fetch
from fairlead.gateway.core.facade.barrier import UNKNOWN_HOLD_S, Mark, Outcome, Wait
from fairlead.gateway.core.facade.targets import Target, Verb
from fairlead.gateway.ports.writes import Ending, NewWrite, WriteRecord

PURGE_ROWS = 5000
"""Rows erased at a time, so that no transaction is long."""
_ULID_TIME_CHARACTERS = 10

_BEGIN = """
    insert into facade_writes (id, account, gateway, caller, command, user_agent, verb, api_group, api_version, plural,
        namespace, name, subresource, dry_run)
    values (%(id)s, %(account)s, %(gateway)s, %(caller)s, %(command)s, %(user_agent)s, %(verb)s, %(group)s,
        %(api_version)s, %(plural)s, %(namespace)s, %(name)s, %(subresource)s, %(dry_run)s)
"""
_FINISH = """
    update facade_writes set outcome = %(outcome)s, dispatched = %(dispatched)s, status = %(status)s, uid = %(uid)s,
        version = %(version)s::numeric, name = case when name = '' then %(name)s else name end,
        dry_run = dry_run or %(dry_run)s, finished_at = now()
    where id = %(id)s and outcome in ('open', 'unknown')
"""
_BEHIND = f"""
    select distinct m.wait from write_marks m
    where m.account = %(account)s and m.api_group = %(group)s and m.plural = %(plural)s and m.until > now()
        and (%(namespace)s = '' or m.namespace in ('', %(namespace)s)) and not ({CAUGHT_UP})
"""  # noqa: S608 - made of constants
_ABANDON = """
    with ended as (
        update facade_writes set outcome = 'unknown', dispatched = true, finished_at = now()
        where outcome = 'open' and seen_at < now() - make_interval(secs => %(silent_s)s) returning id
    ), marked as (
        update write_marks m set wait = 'time', marked_at = now(), until = now() + make_interval(secs => %(hold_s)s)
        from ended where m.id = ended.id
    )
    select count(*) from ended
"""
_FORGET = f"delete from write_marks m where m.until <= now() or ({CAUGHT_UP})"  # noqa: S608 - made of constants
_PURGE = """
    delete from facade_writes where id in (select id from facade_writes where id < %s order by id limit %s)
"""
_READ = """
    select id, account, gateway, caller, command, user_agent, verb, api_group, api_version, plural, namespace, name,
        subresource, dry_run, begun_at, finished_at, outcome, dispatched, status, uid, version::text as version
    from facade_writes where account = %s and (%s = '' or id < %s) order by id desc limit %s
"""


class PostgresWrites:
    """`WriteStore` in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, write: NewWrite, mark: Mark | None) -> None:
        """Store a write that is about to be sent."""
        target = write.target
        values: dict[str, Any] = {
            "id": write.id,
            "account": write.account,
            "gateway": write.gateway,
            "caller": write.caller,
            "command": write.command,
            "user_agent": write.user_agent,
            "verb": target.verb.value,
            "group": target.group,
            "api_version": target.version,
            "plural": target.plural,
            "namespace": target.namespace,
            "name": target.name,
            "subresource": target.subresource,
            "dry_run": write.dry_run,
        }
        async with self._database.transaction(pipelined=True) as connection:
            await connection.execute(_BEGIN, values)
            if mark is not None:
                await set_mark(connection, mark)

    async def finish(self, ending: Ending) -> None:
        """Complete a write."""
        values = {
            "id": ending.id,
            "outcome": ending.outcome.value,
            "dispatched": ending.dispatched,
            "status": ending.status,
            "dry_run": ending.dry_run,
            "name": ending.name,
            "uid": ending.uid,
            "version": text(ending.version),
        }
        async with self._database.transaction(pipelined=True) as connection:
            await connection.execute(_FINISH, values)
            if ending.mark is None:
                await clear_mark(connection, ending.id)
            else:
                await set_mark(connection, ending.mark)

    async def behind(self, account: str, group: str, plural: str, namespace: str) -> frozenset[Wait]:
        """What lists of a resource wait for."""
        place = {"account": account, "group": group, "plural": plural, "namespace": namespace}
        values = {**place, "unknown_s": UNKNOWN_HOLD_S}
        async with self._database.transaction(pipelined=True) as connection:
            return frozenset(Wait(wait) for (wait,) in await fetch(connection, _BEHIND, values))

    async def touch(self, ids: Sequence[str]) -> None:
        """Say that the gateway still carries these writes."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "update facade_writes set seen_at = now() where id = any(%s) and outcome = 'open'", [list(ids)]
            )

    async def sweep(self, silent_s: float) -> int:
        """End writes of silent gateways, and forget what lists no longer wait for."""
        async with self._database.transaction() as connection:
            ended = await fetch(connection, _ABANDON, {"silent_s": silent_s, "hold_s": UNKNOWN_HOLD_S})
            await connection.execute(_FORGET, {"unknown_s": UNKNOWN_HOLD_S})
        return int(ended[0][0])

    async def purge(self, older_than_s: float) -> int:
        """Erase writes that began before: ids begin with their time."""
        oldest = datetime.now(UTC) - timedelta(seconds=older_than_s)
        bound = str(ULID.from_datetime(oldest))[:_ULID_TIME_CHARACTERS]
        erased = 0
        while True:
            async with self._database.transaction() as connection:
                cursor = await connection.execute(_PURGE, [bound, PURGE_ROWS])
            erased += cursor.rowcount
            if cursor.rowcount < PURGE_ROWS:
                return erased

    async def read(self, account: str, *, before: str, limit: int) -> list[WriteRecord]:
        """Read writes of an account, newest first."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(_READ, [account, before, before, limit])
            return [_record(row) for row in await cursor.fetchall()]


def _record(row: DictRow) -> WriteRecord:
    target = Target(
        Verb(row["verb"]), row["api_group"], row["api_version"], row["plural"], row["namespace"], row["name"],
        row["subresource"],
    )  # fmt: skip
    write = NewWrite(
        row["id"],
        row["account"],
        row["gateway"],
        row["caller"],
        row["command"],
        row["user_agent"],
        target,
        row["dry_run"],
    )
    return WriteRecord(
        write,
        row["begun_at"],
        row["finished_at"],
        Outcome(row["outcome"]),
        row["dispatched"],
        row["status"],
        row["uid"],
        number(row["version"]),
    )
