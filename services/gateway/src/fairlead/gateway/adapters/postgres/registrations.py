"""Registrations in PostgreSQL."""

from __future__ import annotations

from psycopg.rows import DictRow

from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.core.registration.definition import Roles
from fairlead.gateway.core.registration.lifecycle import Candidate, Record, State, Wanted
from fairlead.gateway.errors import AccountServed, UnknownAccount
from fairlead.gateway.ports.registration import Registration

_HOLD = """
    insert into duties (name, holder, until) values (%(duty)s, %(holder)s, now() + make_interval(secs => %(for_s)s))
    on conflict (name) do update set holder = excluded.holder, until = excluded.until
    where duties.holder = excluded.holder or duties.until < now()
"""
_CANDIDATES = """
    select coalesce(a.name, g.account) as name, a.name is not null as claimed, a.read_roles, a.write_roles, a.execute_roles,
        exists (select from documents d where d.account = a.name and d.kind = 'discovery' and d.path = '') as discovered,
        coalesce(a.namespaces <> '{}', false) or exists (select from resources r where r.account_id = a.id
            and r.api_group = '' and r.plural = 'namespaces' and r.checkpoint is not null) as namespaces,
        coalesce(g.next_at <= now(), true) as due, g.*
    from accounts a full join registrations g on g.account = a.name order by 1
"""
_SAVE = """
    insert into registrations as g (account, state, message, digest, server, token_key, token_generation, attempts, next_at,
        put_at, loaded_at)
    values (%(account)s, %(state)s, %(message)s, %(digest)s, %(server)s, %(token_key)s, %(token_generation)s, %(attempts)s,
        now() + make_interval(secs => %(pause_s)s), %(put)s, %(loaded)s)
    on conflict (account) do update set state = excluded.state, message = excluded.message, digest = excluded.digest,
        server = excluded.server, token_key = excluded.token_key, token_generation = excluded.token_generation,
        attempts = excluded.attempts, next_at = excluded.next_at, put_at = excluded.put_at, loaded_at = excluded.loaded_at,
        since = case when g.state = excluded.state then g.since else now() end,
        adopt = g.adopt and excluded.digest = ''
    where g.wanted = %(wanted)s
"""
_READ = """
    select coalesce(a.name, g.account) as name, coalesce(b.counted_s, 0) as counted_s, g.*
    from accounts a full join registrations g on g.account = a.name
        left join absences b on b.account = coalesce(a.name, g.account)
    where %(account)s::text is null or coalesce(a.name, g.account) = %(account)s order by 1
"""
_WANT = """
    insert into registrations as g (account, wanted, by_whom, adopt)
    select name, %(wanted)s, %(by)s, %(adopt)s from accounts where name = %(account)s
        union select account, %(wanted)s, %(by)s, %(adopt)s from registrations where account = %(account)s
    on conflict (account) do update set wanted = excluded.wanted, by_whom = excluded.by_whom, adopt = excluded.adopt,
        attempts = 0, next_at = now(), digest = '', message = '',
        state = case when excluded.wanted = 'registered' then 'waiting' else g.state end
"""
_SERVED = "select agent from links where %s = any(accounts) order by agent"
SETTLED = frozenset({State.WAITING, State.REGISTERED, State.WITHDRAWN})


class PostgresRegistrations:
    """`RegistrationStore`, `RegistrationDesk` and `Duties` in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hold(self, duty: str, holder: str, for_s: float) -> bool:
        """Take a duty, or keep it."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(_HOLD, {"duty": duty, "holder": holder, "for_s": for_s})
            return cursor.rowcount == 1

    async def let_go(self, duty: str, holder: str) -> None:
        """Leave a duty to the others at once."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "update duties set until = '-infinity' where name = %s and holder = %s", [duty, holder]
            )

    async def candidates(self) -> list[Candidate]:
        """Every account, and every registration whose account is gone."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(_CANDIDATES)
            return [_candidate(row) for row in await cursor.fetchall()]

    async def save(self, account: str, record: Record, *, wanted: Wanted, pause_s: float = 0.0) -> bool:
        """Remember how a registration stands, unless something else is wanted by now."""
        values = {
            "account": account,
            "wanted": wanted.value,
            "pause_s": pause_s,
            "state": record.state.value,
            "message": record.message.replace("\0", ""),
            "digest": record.digest,
            "server": record.server,
            "token_key": record.token_key,
            "token_generation": record.token_generation,
            "attempts": record.attempts,
            "put": record.put,
            "loaded": record.loaded,
        }
        async with self._database.transaction() as connection:
            cursor = await connection.execute(_SAVE, values)
            return cursor.rowcount == 1

    async def read(self) -> list[Registration]:
        """Every account's registration."""
        return await self._read(None)

    async def find(self, account: str) -> Registration:
        """One of them."""
        found = await self._read(account)
        if not found:
            raise UnknownAccount(f"there is no account {account!r}")
        return found[0]

    async def register(self, account: str, *, adopt: bool, by: str) -> Registration:
        """Register an account (again)."""
        return await self._want(account, Wanted.REGISTERED, adopt=adopt, by=by)

    async def unregister(self, account: str, *, by: str) -> Registration:
        """Take an account out of Clouddriver."""
        return await self._want(account, Wanted.WITHDRAWN, by=by)

    async def remove(self, account: str, *, by: str) -> Registration:
        """Give an account up."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(_SERVED, [account])
            agents = [row["agent"] for row in await cursor.fetchall()]
        if agents:
            raise AccountServed(
                f"account {account!r} is served by {', '.join(agents)} and would be back at once: stop the agent, or take"
                " the account out of its configuration, first"
            )
        return await self._want(account, Wanted.REMOVED, by=by)

    async def _want(self, account: str, wanted: Wanted, *, by: str, adopt: bool = False) -> Registration:
        values = {"account": account, "wanted": wanted.value, "by": by, "adopt": adopt}
        async with self._database.transaction() as connection:
            cursor = await connection.execute(_WANT, values)
            if not cursor.rowcount:
                raise UnknownAccount(f"there is no account {account!r}")
        return await self.find(account)

    async def _read(self, account: str | None) -> list[Registration]:
        async with self._database.transaction() as connection:
            cursor = await connection.execute(_READ, {"account": account})
            return [_registration(row) for row in await cursor.fetchall()]


def _registration(row: DictRow) -> Registration:
    record = _record(row)
    open_ = record.state not in SETTLED
    return Registration(row["name"], record, row["next_at"] if open_ else None, row["counted_s"])


def _candidate(row: DictRow) -> Candidate:
    roles = [tuple(row[column] or ()) for column in ("read_roles", "write_roles", "execute_roles")]
    return Candidate(
        name=row["name"],
        claimed=row["claimed"],
        roles=Roles(*roles),
        discovered=row["discovered"],
        namespaces=row["namespaces"],
        due=row["due"],
        record=_record(row),
    )


def _record(row: DictRow) -> Record:
    if row["account"] is None:
        return Record()
    return Record(
        wanted=Wanted(row["wanted"]),
        state=State(row["state"]),
        message=row["message"],
        since=row["since"],
        digest=row["digest"],
        server=row["server"],
        adopt=row["adopt"],
        token_key=row["token_key"],
        token_generation=row["token_generation"],
        attempts=row["attempts"],
        put=row["put_at"],
        loaded=row["loaded_at"],
        by=row["by_whom"],
    )
