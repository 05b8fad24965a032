"""Operations: from a caller's request over an agent to a result, whatever is killed on the way.

The database is the truth: an operation stands there before it is sent, and a report is answered once what it says stands
there too. Hints make it quick; a look every second makes it right.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from ulid import ULID

from fairlead.contracts.operations import (
    RESULT_LIMIT_BYTES,
    InvalidRequest,
    OperationRequest,
    encode_request,
)
from fairlead.contracts.repeatability import is_fenced
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.core import operations as rules
from fairlead.gateway.core.assembly import Assembly, BodyTooLarge
from fairlead.gateway.core.operations import Operation, Outcome, Timing
from fairlead.gateway.core.requests import subject_of
from fairlead.gateway.errors import DatabaseUnavailable, UnknownAccount
from fairlead.gateway.flows.link.messages import OUTCOMES, outcome
from fairlead.gateway.ports.operations import Agents, Filter, NewOperation, NoticeBoard, OperationStore, Submitted
from fairlead.runtime import logfields, metrics, tracing
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.errors import PermanentError, TransientError, chain
from fairlead.runtime.logs import get_logger

log = get_logger()
LOOK_S = 1.0
"""How often the database is looked at whatever hints say."""
TAKE_LIMIT = 8
"""Operations of one account taken at a time."""
BODIES_BYTES = 2 * RESULT_LIMIT_BYTES
"""Result bodies under way, all together."""
CLEAN_UP_S = 30.0
_PHASES = {phase: metrics.GATEWAY_PHASE_SECONDS.labels(phase) for phase in ("store", *rules.PHASES)}
Report = pb.OperationReport


class BodyIncomplete(TransientError):
    """The last chunk of a body came without the others: they went to another gateway, or were given up."""


def _bodies() -> Assembly[tuple[str, int, int]]:
    return Assembly(limit_bytes=RESULT_LIMIT_BYTES, total_bytes=BODIES_BYTES)


@dataclass
class Operations:
    """The use cases of operations; `OperationDesk` for the doors."""

    store: OperationStore
    agents: Agents
    notices: NoticeBoard
    timing: Timing = field(default_factory=Timing)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _hinted: set[str] = field(default_factory=set)
    _waiters: dict[str, set[asyncio.Event]] = field(default_factory=dict)
    _bodies: Assembly[tuple[str, int, int]] = field(default_factory=_bodies)

    # ---- callers

    async def submit(
        self, request: OperationRequest, *, operation_id: str, caller: str, deadline_s: float | None
    ) -> Submitted:
        """Store an operation, to be sent as soon as an agent is there.

        Args:
            request: checked by `decode_request`.
            operation_id: ULID of the caller's choice, empty for a new one. The same id and request is the same operation.
            caller: name of the credential.
            deadline_s: seconds from now; chosen from the request's own time limit when None.

        Raises:
            InvalidRequest: the id is no ULID.
            UnknownAccount: no agent has ever claimed the account, so that nobody would take the operation.
            OperationConflict: the id belongs to another request.
            DatabaseUnavailable: nothing was stored, or the same call can be made again under the same id.

        """
        identity = parse_id(operation_id) if operation_id else str(ULID())
        if self.agents.link_of(request.account) is None and not await self.store.knows(request.account):
            raise UnknownAccount(
                f"no agent has ever claimed account {request.account!r}; GET /v1/accounts lists those that are known"
            )
        kind, account, began_s = request.kind.value, request.account, time.monotonic()
        with tracing.span("gateway.operation", operation=identity, account=account, kind=kind) as traceparent:
            new = NewOperation(
                id=identity,
                account=request.account,
                kind=request.kind,
                caller=caller,
                subject=subject_of(request),
                fenced=is_fenced(request),
                request=encode_request(request),
                deadline_s=rules.deadline_s(self.timing, timeout_s=request.timeout_seconds, wanted_s=deadline_s),
                traceparent=traceparent,
            )
            with tracing.span("gateway.store", operation=identity, account=account):
                operation, created = await self.store.submit(new)
            _PHASES["store"].observe(time.monotonic() - began_s, tracing.exemplar())
        if created:
            log.info("operation received", **_told(operation))
            self.hint(operation.account)
        return Submitted(operation, created)

    async def wait(self, operation_id: str, timeout_s: float) -> Operation | None:
        """Wait until an operation has ended, at most so long; returns it as it stands then."""
        until = time.monotonic() + timeout_s
        async with self._waiter(operation_id) as ended:
            while True:
                ended.clear()
                operation = await self.store.read(operation_id)
                left_s = until - time.monotonic()
                if operation is None or operation.final or left_s <= 0:
                    return operation
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(LOOK_S, left_s)):
                        await ended.wait()

    async def read(self, operation_id: str) -> Operation | None:
        """Read one operation."""
        return await self.store.read(operation_id)

    async def result(self, operation_id: str) -> bytes | None:
        """Read the body of a result; None when there is none, or not any more."""
        return await self.store.result(operation_id)

    async def find(self, query: Filter) -> list[Operation]:
        """List operations, newest first."""
        return await self.store.find(query)

    async def cancel(self, operation: Operation) -> Operation:
        """End an operation that certainly did not run; ask the executor to give up any other, now and at each resend."""
        if operation.final:
            return operation
        if operation.unsent:
            ended = await self.store.finish(operation.id, operation.account, rules.CANCELLED, b"", only_unsent=True)
            if ended is not None:
                self._ended(ended)
                return ended
        await self.store.request_cancel(operation.id)
        return await self.store.read(operation.id) or operation

    # ---- agents

    def hint(self, account: str) -> None:
        """Look at an account's operations now."""
        self._hinted.add(account)
        self._wake.set()

    async def account_claimed(self, account: str, link: str) -> None:
        """An agent came (back): what was given to another connection is asked for again."""
        await self.store.ask_again([account], other_than=link)
        self.hint(account)

    async def link_lost(self, link: str) -> None:
        """A connection has ended: what was given to it is due again."""
        await self.store.link_lost(link)
        self._wake.set()

    async def report(self, report: Report) -> None:
        """Take a report, or one chunk of it; returns when what it says stands in the database.

        Raises:
            DatabaseUnavailable: report again.
            BodyIncomplete: report again, from the first chunk on.
            PermanentError: a state that this release does not know.

        """
        final = OUTCOMES.get(report.state)
        if final is not None:
            await self._finish(report, outcome(report, final))
        elif report.state == Report.STATE_CLAIMED:
            await self.store.claimed(report.id, report.account)
        elif report.state == Report.STATE_NO_EXECUTOR:
            pause_s = rules.pause_s(self.timing, report.attempt)
            await self.store.declined(report.id, report.account, report.attempt, pause_s)
        else:
            raise PermanentError("the report's state is unknown to this gateway; upgrade it")

    async def _finish(self, report: Report, told: Outcome) -> None:
        key = (report.id, report.attempt, report.started_unix_ms)
        try:
            body = self._bodies.add(key, report.chunk, report.body, last=report.last)
        except BodyTooLarge:
            note = f"(its result is larger than {RESULT_LIMIT_BYTES} bytes and was dropped) "
            told, body = rules.with_note(told, note), b""
        if body is None:
            if report.last:
                raise BodyIncomplete("chunks of the result are missing; report it again from the first one")
            return
        try:
            with tracing.span("gateway.finish", operation=report.id, account=report.account, state=told.state.value):
                ended = await self.store.finish(report.id, report.account, told, body)
        except DatabaseUnavailable:
            # The agent repeats the last chunk alone; what went before it must still be here then.
            self._bodies.put_back(key, report.chunk, report.body, body)
            raise
        if ended is None:
            metrics.GATEWAY_LATE_RESULTS.inc()
        else:
            self._ended(ended)

    def _ended(self, operation: Operation) -> None:
        kind, exemplar = operation.kind.value, tracing.exemplar(operation.traceparent)
        metrics.GATEWAY_OPERATIONS.labels(kind, operation.state.value).inc()
        if operation.finished is not None:
            metrics.GATEWAY_OPERATION_SECONDS.labels(kind).observe(
                max(0.0, (operation.finished - operation.created).total_seconds()), exemplar
            )
        for phase, seconds in rules.phases_s(operation).items():
            _PHASES[phase].observe(seconds, exemplar)
        log.info("operation ended", **_told(operation))
        self._notify_waiters(operation.id)

    # ---- loops

    async def dispatch(self) -> None:
        """Send what is due, end what is overdue; a task of the service."""
        backoff = Backoff(base_s=0.5, max_s=10.0)
        looked = 0.0
        while True:
            hinted, self._hinted = self._hinted, set()
            self._wake.clear()
            try:
                for account in hinted:
                    await self._send_due(account)
                if time.monotonic() - looked >= LOOK_S or not hinted:
                    for account in await self.store.due_accounts():
                        await self._send_due(account)
                    await self._end_overdue()
                    looked = time.monotonic()
                backoff.reset()
            except DatabaseUnavailable as error:
                pause_s = backoff.next_s()
                log.warning("operations wait for the database", **{logfields.ERROR: chain(error)})
                await asyncio.sleep(pause_s)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()

    async def _send_due(self, account: str) -> None:
        while (link := self.agents.link_of(account)) is not None and link.takes_operations:
            dispatches = await self.store.take(
                account, link=link.id, agent=link.agent, incarnation=link.claims_incarnation, limit=TAKE_LIMIT
            )
            for dispatch in dispatches:
                if dispatch.cancelled:
                    link.send_cancel(dispatch.id, account)
                with tracing.span(
                    "gateway.send",
                    dispatch.traceparent,
                    operation=dispatch.id,
                    account=account,
                    attempt=dispatch.attempt,
                ) as traceparent:
                    link.send_operation(replace(dispatch, traceparent=traceparent))
                log.info("operation sent", **{
                    logfields.OPERATION: dispatch.id, logfields.ACCOUNT: account, logfields.ATTEMPT: dispatch.attempt,
                    logfields.AGENT: link.agent})  # fmt: skip
            if len(dispatches) < TAKE_LIMIT:
                return

    async def _end_overdue(self) -> None:
        for operation in await self.store.overdue():
            told = rules.ending(operation)
            # Another gateway may have taken it just before its deadline; then "it did not run" would be wrong.
            ended = await self.store.finish(operation.id, operation.account, told, b"", only_unsent=operation.unsent)
            if ended is not None:
                self._ended(ended)

    async def listen(self) -> None:
        """Follow the hints of other gateways; a task of the service."""
        async for notice in self.notices.stream():
            match notice.topic:
                case "due":
                    self.hint(notice.key)
                case "ended":
                    self._notify_waiters(notice.key)
                case "cancel":
                    await self._pass_cancel(notice.key)
                case _:
                    self._wake.set()

    async def _pass_cancel(self, operation_id: str) -> None:
        try:
            operation = await self.store.read(operation_id)
        except DatabaseUnavailable:
            return
        if operation is None or operation.final:
            return
        link = self.agents.link_of(operation.account)
        if link is not None:
            link.send_cancel(operation_id, operation.account)

    async def clean_up(self) -> None:
        """Erase results and history whose time is over; a task of the service."""
        while True:
            with suppress(DatabaseUnavailable):
                await self.store.clean_up()
            await asyncio.sleep(CLEAN_UP_S)

    @asynccontextmanager
    async def _waiter(self, operation_id: str) -> AsyncIterator[asyncio.Event]:
        ended = asyncio.Event()
        self._waiters.setdefault(operation_id, set()).add(ended)
        try:
            yield ended
        finally:
            waiting = self._waiters[operation_id]
            waiting.discard(ended)
            if not waiting:
                del self._waiters[operation_id]

    def _notify_waiters(self, operation_id: str) -> None:
        for ended in self._waiters.get(operation_id, ()):
            ended.set()


def parse_id(text: str) -> str:
    """Read a ULID that a caller chose.

    Raises:
        InvalidRequest: it is none.

    """
    try:
        return str(ULID.from_str(text.upper()))
    except ValueError:
        raise InvalidRequest(["the operation's id must be a ULID (26 characters of Crockford's base32)"]) from None


def _told(operation: Operation) -> dict[str, str | int]:
    return {
        logfields.OPERATION: operation.id,
        logfields.ACCOUNT: operation.account,
        logfields.KIND: operation.kind.value,
        logfields.STATE: operation.state.value,
        logfields.USER: operation.caller,
    }
