"""Connections and documents of agents in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from psycopg.rows import DictRow

from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.adapters.postgres.sessions import mark_stale
from fairlead.gateway.ports.links import LinkRecord


class PostgresLinks:
    """`LinkStore` and `DocumentStore` in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def holder(self, account: str) -> str | None:
        """Address of a gateway to which an agent of the account is connected, the newest connection's."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                "select address from links where %s = any(accounts) and address <> '' order by connected_at desc limit 1",
                [account],
            )
            row = await cursor.fetchone()
        return str(row["address"]) if row else None

    async def put(self, record: LinkRecord) -> None:
        """Store a connection as it stands now."""
        values = {
            "id": record.id,
            "gateway": record.gateway,
            "agent": record.agent,
            "zone": record.zone,
            "mode": record.mode,
            "software_version": record.software_version,
            "credential": record.credential,
            "accounts": list(record.accounts),
            "address": record.address,
        }
        async with self._database.transaction() as connection:
            await connection.execute(
                "insert into links (id, gateway, agent, zone, mode, software_version, credential, accounts, address) values"
                " (%(id)s, %(gateway)s, %(agent)s, %(zone)s, %(mode)s, %(software_version)s, %(credential)s,"
                " %(accounts)s, %(address)s) on conflict (id) do update set accounts = excluded.accounts, seen_at = now()",
                values,
            )

    async def touch(self, gateway: str) -> int:
        """Say that the connections of a gateway live; tells how many are stored."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute("update links set seen_at = now() where gateway = %s", [gateway])
            return cursor.rowcount

    async def remove(self, link: str, accounts: Collection[str], *, since: datetime, message: str) -> None:
        """Forget a connection, and say which of its accounts are lost."""
        async with self._database.transaction() as connection:
            await connection.execute("delete from links where id = %s", [link])
            await mark_stale(connection, sorted(accounts), since, message)

    async def sweep(self, silent_s: float, *, since: datetime, message: str) -> None:
        """Forget connections of gateways that died, and say which of their accounts are lost."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                "delete from links where seen_at < now() - make_interval(secs => %s) returning accounts", [silent_s]
            )
            accounts = {account for row in await cursor.fetchall() for account in row["accounts"]}
            await mark_stale(connection, sorted(accounts), since, message)

    async def read(self) -> list[LinkRecord]:
        """Every connection."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute("select * from links order by agent, connected_at")
            return [_record(row) for row in await cursor.fetchall()]

    async def put_document(self, account: str, kind: str, path: str, sha256: str, content: bytes) -> None:
        """Store a document unless it stands there already."""
        values = {"account": account, "kind": kind, "path": path, "sha256": sha256, "content": content}
        async with self._database.transaction() as connection:
            await connection.execute(
                "insert into documents (account, kind, path, sha256, content) values (%(account)s, %(kind)s, %(path)s,"
                " %(sha256)s, %(content)s) on conflict (account, kind, path) do update set sha256 = excluded.sha256,"
                " content = excluded.content, stored_at = now() where documents.sha256 <> excluded.sha256",
                values,
            )


def _record(row: DictRow) -> LinkRecord:
    return LinkRecord(
        id=row["id"],
        gateway=row["gateway"],
        agent=row["agent"],
        zone=row["zone"],
        mode=row["mode"],
        software_version=row["software_version"],
        credential=row["credential"],
        connected=row["connected_at"],
        seen=row["seen_at"],
        accounts=tuple(row["accounts"]),
        address=row["address"],
    )
