"""Documents of accounts in PostgreSQL, for readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg.types.json import Jsonb

from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.ports.documents import DocumentState


class PostgresDocuments:
    """`DocumentShelf` in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self, account: str, kind: str, path: str = "") -> DocumentState | None:
        """Look which document there is."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                "select sha256, stored_at, headers from documents where account = %s and kind = %s and path = %s",
                [account, kind, path],
            )
            row = await cursor.fetchone()
        return DocumentState(row["sha256"], row["stored_at"], row["headers"]) if row else None

    async def states(self, accounts: Sequence[str], kind: str) -> Mapping[str, DocumentState]:
        """Which document without a path each account has."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                "select account, sha256, stored_at from documents where account = any(%s) and kind = %s and path = ''",
                [list(accounts), kind],
            )
            return {row["account"]: DocumentState(row["sha256"], row["stored_at"]) for row in await cursor.fetchall()}

    async def content(self, account: str, kind: str, path: str, sha256: str) -> bytes | None:
        """Read it; None when it was replaced meanwhile."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                "select content from documents where account = %s and kind = %s and path = %s and sha256 = %s",
                [account, kind, path, sha256],
            )
            row = await cursor.fetchone()
        return bytes(row["content"]) if row else None

    async def keep(self, account: str, kind: str, path: str, state: DocumentState, content: bytes) -> None:
        """Store a document in place of its former state."""
        values = [account, kind, path, state.sha256, content, Jsonb(dict(state.headers))]
        async with self._database.transaction() as connection:
            await connection.execute(
                "insert into documents (account, kind, path, sha256, content, headers) values (%s, %s, %s, %s, %s, %s)"
                " on conflict (account, kind, path) do update set sha256 = excluded.sha256,"
                " content = excluded.content, headers = excluded.headers, stored_at = now()",
                values,
            )

    async def prune(self, account: str, kind: str, served: Sequence[str]) -> None:
        """Forget documents that are not served any more."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "delete from documents where account = %s and kind = %s and split_part(path, ' ', 1) <> all(%s)",
                [account, kind, list(served)],
            )

    async def knows(self, account: str) -> bool:
        """Whether an agent ever claimed the account."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute("select from accounts where name = %s", [account])
            return await cursor.fetchone() is not None
