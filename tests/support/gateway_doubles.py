"""Doubles of the gateway's ports: stores in memory, agents that only remember."""

# ruff: noqa: D102 - the ports document their methods

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from fairlead.contracts.envelope import Batch
from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.core.claims import GRANTED, AccountClaim, ClaimOutcome
from fairlead.gateway.core.commits import Committed
from fairlead.gateway.core.inventory import StoredVersion
from fairlead.gateway.core.operations import Dispatch, Operation, Outcome, State, accepts
from fairlead.gateway.core.sessions import CloseReason, Opened, OpenRequest
from fairlead.gateway.core.states import StateReport
from fairlead.gateway.core.tokens import Grant, TokenRecord
from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.ports.links import LinkRecord
from fairlead.gateway.ports.operations import Filter, NewOperation, Notice


@dataclass
class Outage:
    """Whether the database is away; shared by the stores of a test."""

    away: bool = False
    found: int = 0
    """How often somebody came while it was."""

    def check(self) -> None:
        """Raise when it is away."""
        if self.away:
            self.found += 1
            raise DatabaseUnavailable("the database is away")


@dataclass
class MemoryOperations:
    """`OperationStore` in memory; pauses do not count: what is open and unsent, or released, is due."""

    outage: Outage = field(default_factory=Outage)
    operations: dict[str, Operation] = field(default_factory=dict)
    requests: dict[str, bytes] = field(default_factory=dict)
    results: dict[str, bytes] = field(default_factory=dict)
    due: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    declined_after_s: list[float] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)
    """Accounts that no agent has ever claimed."""

    async def knows(self, account: str) -> bool:
        self.outage.check()
        return account not in self.strangers

    async def submit(self, new: NewOperation) -> tuple[Operation, bool]:
        self.outage.check()
        if new.id in self.operations:
            return self.operations[new.id], False
        now = datetime.now(UTC)
        deadline = now + timedelta(seconds=new.deadline_s)
        stored = Operation(new.id, new.account, new.kind, State.PENDING, new.caller, new.subject, now, deadline)
        self.operations[new.id] = replace(stored, traceparent=new.traceparent, fenced=new.fenced)
        self.requests[new.id] = new.request
        self.due.add(new.id)
        return self.operations[new.id], True

    async def read(self, operation_id: str) -> Operation | None:
        self.outage.check()
        return self.operations.get(operation_id)

    async def result(self, operation_id: str) -> bytes | None:
        return self.results.get(operation_id)

    async def find(self, query: Filter) -> list[Operation]:
        return list(self.operations.values())[: query.limit]

    async def due_accounts(self) -> list[str]:
        self.outage.check()
        return sorted({self.operations[each].account for each in self.due})

    async def take(self, account: str, *, link: str, agent: str, incarnation: str, limit: int) -> list[Dispatch]:
        self.outage.check()
        due = [self.operations[each] for each in sorted(self.due)]
        taken = [each.id for each in due if each.account == account and not (each.cancelled and each.unsent)][:limit]
        dispatches = []
        for identity in taken:
            before = self.operations[identity]
            self.operations[identity] = replace(before, state=State.SENT, attempt=before.attempt + 1, agent=agent)
            self.due.discard(identity)
            self.links[identity] = link
            dispatches.append(
                Dispatch(
                    identity,
                    account,
                    before.attempt + 1,
                    incarnation,
                    before.deadline,
                    self.requests[identity],
                    cancelled=before.cancelled,
                )
            )
        return dispatches

    async def claimed(self, operation_id: str, account: str) -> None:
        self.outage.check()
        self.operations[operation_id] = replace(self.operations[operation_id], state=State.CLAIMED)

    async def declined(self, operation_id: str, account: str, attempt: int, pause_s: float) -> None:
        self.outage.check()
        self.operations[operation_id] = replace(self.operations[operation_id], state=State.PENDING)
        self.declined_after_s.append(pause_s)
        self.due.add(operation_id)

    async def finish(
        self, operation_id: str, account: str, outcome: Outcome, body: bytes, *, only_unsent: bool = False
    ) -> Operation | None:
        self.outage.check()
        before = self.operations.get(operation_id)
        if before is None or before.account != account or not accepts(before.state, outcome.state):
            return None
        if only_unsent and not before.unsent:
            return None
        self.due.discard(operation_id)
        now = datetime.now(UTC)
        self.operations[operation_id] = replace(before, state=outcome.state, outcome=outcome, finished=now)
        if body:
            self.results[operation_id] = body
        return self.operations[operation_id]

    async def overdue(self) -> list[Operation]:
        now = datetime.now(UTC)
        return [
            each for each in self.operations.values()
            if not each.final and (each.deadline <= now or (each.cancelled and each.unsent))
        ]  # fmt: skip

    async def ask_again(self, accounts: list[str], *, other_than: str) -> None:
        self.outage.check()
        for identity, link in self.links.items():
            operation = self.operations[identity]
            if operation.account in accounts and link != other_than and not operation.final:
                self.due.add(identity)

    async def link_lost(self, link: str) -> None:
        self.due.update(each for each, owner in self.links.items() if owner == link and not self.operations[each].final)

    async def request_cancel(self, operation_id: str) -> None:
        self.cancelled.append(operation_id)
        self.operations[operation_id] = replace(self.operations[operation_id], cancelled=True)

    async def clean_up(self) -> int:
        return 0


@dataclass
class RememberingLink:
    """`AgentLink` that keeps what it was given."""

    id: str = "link-1"
    agent: str = "agent-0"
    claims_incarnation: str = "bucket-1"
    takes_operations: bool = True
    sent: list[Dispatch] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def send_operation(self, dispatch: Dispatch) -> None:
        self.sent.append(dispatch)

    def send_cancel(self, operation_id: str, account: str) -> None:
        self.cancelled.append(operation_id)


@dataclass
class KnownAgents:
    """`Agents` from a table."""

    links: dict[str, RememberingLink] = field(default_factory=dict)

    def link_of(self, account: str) -> RememberingLink | None:
        return self.links.get(account)


@dataclass
class QueuedNotices:
    """`NoticeBoard` that the test writes on."""

    queue: asyncio.Queue[Notice] = field(default_factory=asyncio.Queue)

    async def stream(self) -> AsyncIterator[Notice]:
        while True:
            yield await self.queue.get()


@dataclass
class MemoryTokens:
    """`TokenStore` in memory."""

    outage: Outage = field(default_factory=Outage)
    stored: dict[str, Grant] = field(default_factory=dict)
    asked: int = 0

    async def grants(self) -> list[Grant]:
        self.asked += 1
        self.outage.check()
        return list(self.stored.values())

    async def create(self, grant: Grant, *, created_by: str) -> TokenRecord:
        self.outage.check()
        self.stored[grant.name] = grant
        now = datetime.now(UTC)
        return TokenRecord(grant.name, grant.kind, grant.accounts, grant.verbs, now, created_by, grant.expires, None)

    async def read(self) -> list[TokenRecord]:
        return []

    async def revoke(self, name: str) -> bool:
        return self.stored.pop(name, None) is not None


@dataclass
class MemoryLinks:
    """`LinkStore` and `DocumentStore` in memory."""

    outage: Outage = field(default_factory=Outage)
    records: dict[str, LinkRecord] = field(default_factory=dict)
    documents: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    dead: list[str] = field(default_factory=list)
    """Accounts of connections that the next sweep forgets."""
    stale: list[str] = field(default_factory=list)
    """Accounts of which nothing is heard, as was said."""

    async def put(self, record: LinkRecord) -> None:
        self.outage.check()
        self.records[record.id] = record

    async def touch(self, gateway: str) -> int:
        self.outage.check()
        return len(self.records)

    async def remove(self, link: str, accounts: Collection[str], *, since: datetime, message: str) -> None:
        self.outage.check()
        self.records.pop(link, None)
        self._lose(accounts)

    async def sweep(self, silent_s: float, *, since: datetime, message: str) -> None:
        found, self.dead = self.dead, []
        self._lose(found)

    def _lose(self, accounts: Collection[str]) -> None:
        served = {name for record in self.records.values() for name in record.accounts}
        self.stale += sorted(set(accounts) - served)

    async def read(self) -> list[LinkRecord]:
        return list(self.records.values())

    async def put_document(self, account: str, kind: str, path: str, sha256: str, content: bytes) -> None:
        self.outage.check()
        self.documents[account, kind, path] = content


@dataclass
class RememberingMirror:
    """What links ask of observation: remembers what it was told, answers as it was told to."""

    outage: Outage = field(default_factory=Outage)
    outcome: ClaimOutcome = GRANTED
    batches: list[Batch] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    """How many batches each commit took."""
    answer: Committed = field(default_factory=Committed)
    gaps: dict[str, CloseReason] = field(default_factory=dict)
    states: list[StateReport] = field(default_factory=list)
    opened: list[OpenRequest] = field(default_factory=list)
    error: Exception | None = None

    async def claim_account(self, claim: AccountClaim, zone: str, agent: str) -> ClaimOutcome:
        self.outage.check()
        return self.outcome

    async def open_session(self, request: OpenRequest) -> Opened:
        self.outage.check()
        if self.error is not None:
            raise self.error
        self.opened.append(request)
        return Opened(f"session-{len(self.opened)}", 2, 2**70, 1500, None, 3)

    async def stored_versions(self, session: str, after: ObjectKey | None) -> tuple[list[StoredVersion], bool]:
        if self.error is not None:
            raise self.error
        return [StoredVersion(ObjectKey("shop", "web"), "u1", 2**70, 1, tombstone=False)], after is not None

    async def commit(self, batches: Sequence[Batch]) -> Committed:
        self.outage.check()
        self.batches += batches
        self.commits.append(len(batches))
        return self.answer

    async def record_states(self, reports: Sequence[StateReport]) -> None:
        self.outage.check()
        self.states += reports

    async def close_gaps(self, accounts: Sequence[str], older_than_s: float) -> dict[str, CloseReason]:
        self.outage.check()
        found, self.gaps = self.gaps, {}
        return found
