"""What operations need: a store of their own, and agents to give them to. And what the doors need of operations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from fairlead.contracts.operations import Kind, OperationRequest
from fairlead.gateway.core.operations import Dispatch, Operation, Outcome, State, Subject


@dataclass(frozen=True, slots=True)
class NewOperation:
    """An operation that was just received."""

    id: str
    account: str
    kind: Kind
    caller: str
    subject: Subject
    fenced: bool
    request: bytes
    deadline_s: float
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which operations to list, newest first."""

    accounts: tuple[str, ...] = ("*",)
    """Patterns of accounts that the caller may see."""
    account: str = ""
    states: tuple[State, ...] = ()
    kind: Kind | None = None
    namespace: str = ""
    name: str = ""
    """Of the object that the operation is about."""
    before: str = ""
    """Only ids below this one: where the page before ended."""
    limit: int = 100


class OperationStore(Protocol):
    """Operations in the database; times are the database's own.

    Every method may raise `DatabaseUnavailable`; nothing stands then, or, for `submit` and `finish`, the same call can be
    made again.
    """

    async def knows(self, account: str) -> bool:
        """Whether an agent has ever claimed an account (and it was not removed since)."""
        ...

    async def submit(self, new: NewOperation) -> tuple[Operation, bool]:
        """Store an operation as pending; tells whether it is new.

        Raises:
            OperationConflict: the id belongs to another request.

        """
        ...

    async def read(self, operation_id: str) -> Operation | None:
        """Read one operation."""
        ...

    async def result(self, operation_id: str) -> bytes | None:
        """Read the body of a result; None when there was none or when it has been erased."""
        ...

    async def find(self, query: Filter) -> list[Operation]:
        """List operations, newest first."""
        ...

    async def due_accounts(self) -> list[str]:
        """Accounts with an operation that is to be sent now."""
        ...

    async def take(self, account: str, *, link: str, agent: str, incarnation: str, limit: int) -> list[Dispatch]:
        """Take what is to be sent to an account now and count the attempt; no other gateway takes the same.

        An operation whose request cannot be opened any more is ended instead.
        """
        ...

    async def claimed(self, operation_id: str, account: str) -> None:
        """Note that an executor works on it."""
        ...

    async def declined(self, operation_id: str, account: str, attempt: int, pause_s: float) -> None:
        """Note that this attempt found no executor; after the pause it is to be sent again."""
        ...

    async def finish(
        self, operation_id: str, account: str, outcome: Outcome, body: bytes, *, only_unsent: bool = False
    ) -> Operation | None:
        """End an operation and erase its request; None when it may not end so any more (`core.operations.accepts`).

        Args:
            operation_id: of the operation.
            account: of the operation; another one finds nothing.
            outcome: how it ends.
            body: of its result, kept for a while.
            only_unsent: only while it is pending and certainly did not run.

        """
        ...

    async def overdue(self) -> list[Operation]:
        """Operations past their deadline and the patience beyond it, and those that are cancelled and certainly did not run."""
        ...

    async def ask_again(self, accounts: list[str], *, other_than: str) -> None:
        """Make open operations of accounts due that were given to another link than this one."""
        ...

    async def link_lost(self, link: str) -> None:
        """Make open operations due that were given to a link that has ended."""
        ...

    async def request_cancel(self, operation_id: str) -> None:
        """Remember that an open operation is to be cancelled, and tell every gateway."""
        ...

    async def clean_up(self) -> int:
        """Erase results and history whose time is over; returns how many rows went."""
        ...


class AgentLink(Protocol):
    """A connection to an agent, as far as operations are concerned."""

    @property
    def id(self) -> str:
        """Unique over all connections of all gateways."""
        ...

    @property
    def agent(self) -> str:
        """Name of the agent."""
        ...

    @property
    def claims_incarnation(self) -> str:
        """Incarnation of the claims bucket that the agent told last."""
        ...

    @property
    def takes_operations(self) -> bool:
        """Whether an operation given to it now would be on its way soon."""
        ...

    def send_operation(self, dispatch: Dispatch) -> None:
        """Queue one attempt."""
        ...

    def send_cancel(self, operation_id: str, account: str) -> None:
        """Ask for a cancellation; best effort."""
        ...


class Agents(Protocol):
    """The agents that are connected to this gateway."""

    def link_of(self, account: str) -> AgentLink | None:
        """The connection that serves an account, the latest one when several do."""
        ...


class OperationDesk(Protocol):
    """What the REST door asks of operations."""

    async def submit(
        self, request: OperationRequest, *, operation_id: str, caller: str, deadline_s: float | None
    ) -> Submitted:
        """Store an operation; see `flows.operations`."""
        ...

    async def wait(self, operation_id: str, timeout_s: float) -> Operation | None:
        """Wait until an operation has ended, at most so long; returns it as it stands then."""
        ...

    async def read(self, operation_id: str) -> Operation | None:
        """Read one operation."""
        ...

    async def result(self, operation_id: str) -> bytes | None:
        """Read the body of a result."""
        ...

    async def find(self, query: Filter) -> list[Operation]:
        """List operations, newest first."""
        ...

    async def cancel(self, operation: Operation) -> Operation:
        """Cancel an operation: at once when it was never sent, else as a request to the executor."""
        ...


@dataclass(frozen=True, slots=True)
class Submitted:
    """Answer to a submission."""

    operation: Operation
    created: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A hint from another gateway, or from this one's own transactions."""

    topic: str
    """``due``, ``ended``, ``cancel`` or ``missed``."""
    key: str
    """Account, or id of the operation."""


class NoticeBoard(Protocol):
    """Hints between gateways; losing one costs time, never truth."""

    def stream(self) -> AsyncIterator[Notice]:
        """Every hint from now on; one with the topic ``missed`` whenever some may have been lost."""
        ...
