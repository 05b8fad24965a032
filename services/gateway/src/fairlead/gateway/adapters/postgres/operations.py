"""Operations in PostgreSQL. Several gateways share them; conditional updates and skipped locks keep one work in one hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import Kind
from fairlead.gateway.adapters.postgres import operation_statements as sql
from fairlead.gateway.adapters.postgres.marks import set_mark
from fairlead.gateway.adapters.postgres.notices import notify
from fairlead.gateway.adapters.postgres.pool import Connection, Database
from fairlead.gateway.core.facade.barrier import mark_of_operation
from fairlead.gateway.core.keyring import Keyring
from fairlead.gateway.core.operations import (
    FINAL,
    Dispatch,
    Operation,
    Outcome,
    State,
    Subject,
    Timing,
    ending_without_request,
)
from fairlead.gateway.errors import OperationConflict, SealBroken
from fairlead.gateway.ports.operations import Filter, NewOperation


class PostgresOperations:
    """`OperationStore` in PostgreSQL.

    Args:
        database: where.
        keyring: seals requests, messages and results.
        timing: pauses and retention.
        history_s: how long ended operations are remembered.

    """

    def __init__(self, database: Database, keyring: Keyring, timing: Timing, *, history_s: float) -> None:
        self._database = database
        self._keyring = keyring
        self._timing = timing
        self._history_s = history_s

    async def knows(self, account: str) -> bool:
        """Whether an agent has ever claimed an account."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(sql.KNOWS, {"account": account})
            return await cursor.fetchone() is not None

    async def submit(self, new: NewOperation) -> tuple[Operation, bool]:
        """Store an operation as pending, or find the one that stands under its id."""
        fingerprint_key, fingerprint = self._keyring.fingerprint(new.request)
        request_key, request = self._keyring.seal(new.request, f"request {new.id}")
        values = {
            "id": new.id,
            "account": new.account,
            "kind": new.kind.value,
            "caller": new.caller,
            "subject": Jsonb(msgspec.to_builtins(new.subject)),
            "fenced": new.fenced,
            "traceparent": new.traceparent,
            "fingerprint_key": fingerprint_key,
            "fingerprint": fingerprint,
            "request_key": request_key,
            "request": request,
            "deadline_s": new.deadline_s,
        }
        async with self._database.transaction() as connection:
            cursor = await connection.execute(sql.INSERT, values)
            created = cursor.rowcount == 1
            if created:
                await notify(connection, "due", new.account)
            else:
                await self._check_same(connection, new)
            stored = await self._read(connection, new.id)
        if stored is None:
            raise OperationConflict("the operation under this id was just removed from history; use another id")
        return stored, created

    async def _check_same(self, connection: Connection, new: NewOperation) -> None:
        cursor = await connection.execute(sql.FINGERPRINT, {"id": new.id})
        row = await cursor.fetchone()
        if row is None:
            return
        try:
            _, expected = self._keyring.fingerprint(new.request, row["fingerprint_key"])
        except SealBroken as error:
            raise OperationConflict(f"the id is taken, and the requests cannot be compared: {error}") from None
        if row["account"] != new.account or bytes(row["fingerprint"]) != expected:
            raise OperationConflict("the id belongs to an operation with another request; use a new ULID")

    async def read(self, operation_id: str) -> Operation | None:
        """Read one operation."""
        async with self._database.transaction() as connection:
            return await self._read(connection, operation_id)

    async def _read(self, connection: Connection, operation_id: str) -> Operation | None:
        cursor = await connection.execute(sql.READ, {"id": operation_id})
        row = await cursor.fetchone()
        return None if row is None else self._operation(row)

    async def result(self, operation_id: str) -> bytes | None:
        """Read and open the body of a result."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(sql.RESULT, {"id": operation_id})
            row = await cursor.fetchone()
        return (
            None if row is None else self._keyring.open(row["body_key"], bytes(row["body"]), f"result {operation_id}")
        )

    async def find(self, query: Filter) -> list[Operation]:
        """List operations, newest first."""
        values = {
            "patterns": [_like(pattern) for pattern in query.accounts],
            "account": query.account or None,
            "states": [state.value for state in query.states] or None,
            "kind": query.kind.value if query.kind else None,
            "namespace": query.namespace or None,
            "name": query.name or None,
            "before": query.before or None,
            "limit": query.limit,
        }
        async with self._database.transaction() as connection:
            cursor = await connection.execute(sql.FIND, values)
            return [self._operation(row) for row in await cursor.fetchall()]

    async def due_accounts(self) -> list[str]:
        """Accounts with an operation that is to be sent now."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(sql.DUE_ACCOUNTS)
            return [row["account"] for row in await cursor.fetchall()]

    async def take(self, account: str, *, link: str, agent: str, incarnation: str, limit: int) -> list[Dispatch]:
        """Take what is due for an account; see the port."""
        values = {
            "account": account,
            "link": link,
            "agent": agent,
            "incarnation": incarnation,
            "limit": limit,
            "remembered_s": self._timing.remembered_s,
            "unclaimed_s": self._timing.unclaimed_s,
            "claimed_s": self._timing.claimed_s,
        }
        taken: list[Dispatch] = []
        async with self._database.transaction() as connection:
            cursor = await connection.execute(sql.TAKE, values)
            for row in await cursor.fetchall():
                try:
                    taken.append(self._dispatch(row))
                except SealBroken:
                    await self._end_unopened(connection, row["id"], row["attempt"] - 1)
        return taken

    async def _end_unopened(self, connection: Connection, operation_id: str, attempts: int) -> None:
        operation = await self._read(connection, operation_id)
        if operation is not None:
            before = replace(operation, attempt=attempts)
            await self._finish(connection, operation_id, operation.account, ending_without_request(before), b"")

    def _dispatch(self, row: DictRow) -> Dispatch:
        return Dispatch(
            id=row["id"],
            account=row["account"],
            attempt=row["attempt"],
            first_incarnation=row["first_incarnation"],
            deadline=row["deadline_at"],
            request=self._keyring.open(row["request_key"], bytes(row["request"]), f"request {row['id']}"),
            traceparent=row["traceparent"],
            cancelled=row["cancelled"],
        )

    async def claimed(self, operation_id: str, account: str) -> None:
        """Note that an executor works on it."""
        async with self._database.transaction() as connection:
            values = {"id": operation_id, "account": account, "claimed_s": self._timing.claimed_s}
            await connection.execute(sql.CLAIMED, values)

    async def declined(self, operation_id: str, account: str, attempt: int, pause_s: float) -> None:
        """Note that this attempt found no executor."""
        async with self._database.transaction() as connection:
            values = {"id": operation_id, "account": account, "attempt": attempt, "pause_s": pause_s}
            await connection.execute(sql.DECLINED, values)

    async def finish(
        self, operation_id: str, account: str, outcome: Outcome, body: bytes, *, only_unsent: bool = False
    ) -> Operation | None:
        """End an operation; see the port."""
        async with self._database.transaction() as connection:
            if only_unsent:
                cursor = await connection.execute(sql.LOCK_UNSENT, {"id": operation_id})
                if await cursor.fetchone() is None:
                    return None
            return await self._finish(connection, operation_id, account, outcome, body)

    async def _finish(
        self, connection: Connection, operation_id: str, account: str, outcome: Outcome, body: bytes
    ) -> Operation | None:
        message_key, message = self._keyring.seal(outcome.message.encode(), f"message {operation_id}")
        values = {
            "id": operation_id,
            "account": account,
            "state": outcome.state.value,
            "outcome": Jsonb(_outcome_row(outcome)),
            "message_key": message_key,
            "message": message,
        }
        cursor = await connection.execute(sql.FINISH, values)
        if cursor.rowcount == 0:
            return None
        if body:
            body_key, sealed = self._keyring.seal(body, f"result {operation_id}")
            result = {
                "id": operation_id,
                "body_key": body_key,
                "body": sealed,
                "size_bytes": len(body),
                "result_s": self._timing.result_s,
            }
            await connection.execute(sql.PUT_RESULT, result)
        await notify(connection, "ended", operation_id)
        ended = await self._read(connection, operation_id)
        mark = None if ended is None else mark_of_operation(ended)
        if mark is not None:
            await set_mark(connection, mark)
        return ended

    async def overdue(self) -> list[Operation]:
        """Operations past their deadline; those that may run get more patience."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(sql.OVERDUE, {"late_s": self._timing.late_s})
            return [self._operation(row) for row in await cursor.fetchall()]

    async def ask_again(self, accounts: list[str], *, other_than: str) -> None:
        """Make open operations of accounts due that were given to another link."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.ASK_AGAIN, {"accounts": accounts, "link": other_than})

    async def link_lost(self, link: str) -> None:
        """Make open operations due that were given to a link that has ended."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.LINK_LOST, {"link": link})

    async def request_cancel(self, operation_id: str) -> None:
        """Remember that an operation is to be cancelled, and tell every gateway."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.CANCEL, {"id": operation_id})
            await notify(connection, "cancel", operation_id)

    async def clean_up(self) -> int:
        """Erase results and history whose time is over."""
        async with self._database.transaction() as connection:
            results = await connection.execute(sql.ERASE_RESULTS)
            history = await connection.execute(sql.ERASE_HISTORY, {"history_s": self._history_s})
            return results.rowcount + history.rowcount

    def _operation(self, row: DictRow) -> Operation:
        state = State(row["state"])
        return Operation(
            id=row["id"],
            account=row["account"],
            kind=Kind(row["kind"]),
            state=state,
            caller=row["caller"],
            subject=msgspec.convert(row["subject"], Subject),
            created=row["created_at"],
            deadline=row["deadline_at"],
            attempt=row["attempt"],
            uncertain=row["uncertain"],
            cancelled=row["cancelled"],
            fenced=row["fenced"],
            agent=row["agent"],
            sent=row["sent_at"],
            claimed=row["claimed_at"],
            finished=row["finished_at"],
            outcome=self._outcome(row) if state in FINAL else None,
            result_bytes=row["result_bytes"],
            traceparent=row["traceparent"],
        )

    def _outcome(self, row: DictRow) -> Outcome:
        told = dict(row["outcome"])
        resource = told.pop("resource", None)
        try:
            message = self._keyring.open(row["message_key"], bytes(row["message"]), f"message {row['id']}").decode()
        except SealBroken as error:
            message = f"(the message cannot be read: {error})"
        return Outcome(
            State(row["state"]), message=message, resource=resource and msgspec.convert(resource, Resource), **told
        )


def _outcome_row(outcome: Outcome) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(outcome)
    del row["state"], row["message"]
    return row


def _like(pattern: str) -> str:
    """The pattern of a grant (``*``, ``?``) as one of SQL's ``like``."""
    escaped = pattern.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return escaped.replace("*", "%").replace("?", "_")
