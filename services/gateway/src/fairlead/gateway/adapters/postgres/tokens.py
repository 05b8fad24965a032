"""Tokens in PostgreSQL, by their digests."""

from __future__ import annotations

from psycopg.rows import DictRow

from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.core.tokens import Grant, Kind, TokenRecord, Verb
from fairlead.gateway.errors import TokenExists

LIMIT = 10_000


class PostgresTokens:
    """`TokenStore` in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def grants(self) -> list[Grant]:
        """What every good token grants."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                "select name, kind, digest, accounts, verbs, expires_at from tokens"
                " where revoked_at is null and (expires_at is null or expires_at > now()) and kind = any(%s)"
                " order by name limit %s",
                [[kind.value for kind in Kind], LIMIT],
            )
            return [_grant(row) for row in await cursor.fetchall()]

    async def create(self, grant: Grant, *, created_by: str) -> TokenRecord:
        """Store a new token."""
        values = {
            "name": grant.name,
            "kind": grant.kind.value,
            "digest": grant.digest,
            "accounts": list(grant.accounts),
            "verbs": sorted(verb.value for verb in grant.verbs),
            "created_by": created_by,
            "expires_at": grant.expires,
        }
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                "insert into tokens (name, kind, digest, accounts, verbs, created_by, expires_at) values (%(name)s,"
                " %(kind)s, %(digest)s, %(accounts)s, %(verbs)s, %(created_by)s, %(expires_at)s)"
                " on conflict (name) do nothing returning *",
                values,
            )
            row = await cursor.fetchone()
        if row is None:
            raise TokenExists(f"there is or was a token {grant.name!r} already; choose another name")
        return _record(row)

    async def read(self) -> list[TokenRecord]:
        """Every token."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute("select * from tokens order by name limit %s", [LIMIT])
            return [_record(row) for row in await cursor.fetchall()]

    async def revoke(self, name: str) -> bool:
        """Revoke a token."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                "update tokens set revoked_at = coalesce(revoked_at, now()) where name = %s", [name]
            )
            return cursor.rowcount == 1


def _grant(row: DictRow) -> Grant:
    return Grant(
        name=row["name"],
        kind=Kind(row["kind"]),
        accounts=tuple(row["accounts"]),
        verbs=frozenset(Verb(verb) for verb in row["verbs"]),
        digest=bytes(row["digest"]),
        expires=row["expires_at"],
    )


def _record(row: DictRow) -> TokenRecord:
    return TokenRecord(
        name=row["name"],
        kind=Kind(row["kind"]),
        accounts=tuple(row["accounts"]),
        verbs=frozenset(Verb(verb) for verb in row["verbs"]),
        created=row["created_at"],
        created_by=row["created_by"],
        expires=row["expires_at"],
        revoked=row["revoked_at"],
    )
