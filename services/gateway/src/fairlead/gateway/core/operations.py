"""The life of an operation: which states it passes, when it is sent again, and how it ends when nobody answers.

::

    pending ──sent──► sent ──claimed──► claimed ──► succeeded | failed | unknown
       ▲               │ no executor
       └───────────────┘
    pending ──deadline──► expired          sent, claimed ──deadline──► unknown

A final state never changes, but for one: an `unknown` operation takes a true result that arrives late.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import READS, Kind
from fairlead.contracts.repeatability import repeatability
from fairlead.contracts.streams import CLAIMS


class State(StrEnum):
    """Where an operation stands."""

    PENDING = "pending"
    """Stored; no agent has it."""
    SENT = "sent"
    """Given to an agent, which has not said yet that an executor took it."""
    CLAIMED = "claimed"
    """An executor works on it."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Refused by the API server or the executor; no effect beyond what the message says."""
    UNKNOWN = "unknown"
    """It may have taken effect; the message says what may have happened."""
    EXPIRED = "expired"
    """Nobody took it before its deadline; it did not run."""


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.UNKNOWN, State.EXPIRED})


@dataclass(frozen=True, slots=True)
class Timing:
    """When a silent operation is sent again, and what its deadline is made of; seconds."""

    unclaimed_s: float = 5.0
    """Sent, and neither claimed nor answered."""
    claimed_s: float = 15.0
    """Claimed, and silent since: the executor may be dead, which the next one finds out."""
    no_executor_s: float = 0.5
    """First pause after an agent found no executor; it doubles up to ``no_executor_max_s``."""
    no_executor_max_s: float = 5.0
    late_s: float = 5.0
    """Patience beyond the deadline for the result of an operation that was sent."""
    deadline_s: float = 60.0
    result_s: float = 600.0
    """How long the body of a result can be read."""
    remembered_s: float = CLAIMS.ttl_s - 300.0
    """How long after it was first sent an operation's claim certainly stands, if there ever was one; less than the bucket
    keeps it, for a message may be on its way for a while."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation ended, in the words of whoever ended it."""

    state: State
    code: int = 0
    """HTTP status of the API server, 0 when there was none."""
    reason: str = ""
    message: str = ""
    resource: Resource | None = None
    namespace: str = ""
    name: str = ""
    uid: str = ""
    version: str = ""
    started_ms: int = 0
    finished_ms: int = 0


@dataclass(frozen=True, slots=True)
class Subject:
    """What an operation is about, as its request says, with the metadata that history keeps of a manifest."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as history knows it: never a body."""

    id: str
    account: str
    kind: Kind
    state: State
    caller: str
    subject: Subject
    created: datetime
    deadline: datetime
    attempt: int = 0
    uncertain: bool = False
    """Whether an earlier attempt may have run although nobody answered for it."""
    cancelled: bool = False
    """Whether somebody called it off; it ends so unless it may have run."""
    fenced: bool = False
    """Whether the request names a UID or version that it expects, so that it can take effect once only."""
    agent: str = ""
    sent: datetime | None = None
    claimed: datetime | None = None
    finished: datetime | None = None
    outcome: Outcome | None = None
    result_bytes: int = 0
    """Size of the result's body while it is kept."""
    traceparent: str = ""

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL

    @property
    def unsent(self) -> bool:
        """Whether it certainly did not run: no agent has it, and none had it before."""
        return self.state is State.PENDING and not self.uncertain


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One attempt that is to go to an agent: taken by one gateway, counted before it is sent."""

    id: str
    account: str
    attempt: int
    first_incarnation: str
    deadline: datetime
    request: bytes
    traceparent: str = ""
    cancelled: bool = False
    """Whether its executor is to be told so before it gets it."""


def accepts(state: State, final: State) -> bool:
    """Whether an operation in ``state`` may end as ``final``: a first ending does, and truth after `unknown`."""
    if state is State.UNKNOWN:
        return final in (State.SUCCEEDED, State.FAILED)
    return state not in FINAL


def deadline_s(timing: Timing, *, timeout_s: float, wanted_s: float | None) -> float:
    """Seconds from receipt to deadline; never less than the executor's own time and some more for the ways."""
    if wanted_s is not None:
        return wanted_s
    return max(timing.deadline_s, timeout_s + timing.deadline_s / 2)


def pause_s(timing: Timing, attempt: int) -> float:
    """Pause after attempt number ``attempt`` found no executor."""
    return float(min(timing.no_executor_max_s, timing.no_executor_s * 2 ** min(attempt - 1, 16)))


CANCELLED = Outcome(State.FAILED, reason="Cancelled", message="cancelled before an executor took it; it did not run")


def ending(operation: Operation) -> Outcome:
    """How an operation ends that nobody answered for until its deadline, or that is cancelled and certainly did not run."""
    if operation.unsent and operation.cancelled:
        return CANCELLED
    if operation.unsent:
        tried = f" ({operation.attempt} attempts found no executor)" if operation.attempt else ""
        return Outcome(
            State.EXPIRED,
            reason="NoAgent",
            message=f"no agent that serves account {operation.account} took the operation before its deadline{tried};"
            " it did not run. Check that the agent is connected (GET /v1/accounts) and submit it again",
        )
    repeat = repeatability(operation.kind, fenced=operation.fenced)
    if operation.kind in READS:
        return Outcome(
            State.EXPIRED,
            reason="NoAnswer",
            message=f"no answer before the deadline; the operation may have run, but {repeat.why}. Submit it again",
        )
    advice = "it is safe to submit it again" if repeat.safe else f"look before you submit it again: {repeat.why}"
    return Outcome(
        State.UNKNOWN,
        reason="NoAnswer",
        message=f"the operation was given to agent {operation.agent} and no result came back before its deadline;"
        f" the {operation.kind.value} of {describe(operation.subject)} may or may not have taken effect; {advice}",
    )


def ending_without_request(operation: Operation) -> Outcome:
    """How an operation ends whose stored request cannot be opened any more, for want of its key."""
    what = "the gateway no longer has the key (gateway.keyFile) under which the request was stored"
    if operation.attempt == 0:
        return Outcome(State.FAILED, reason="KeyLost", message=f"{what}; it was never sent. Submit it again")
    return Outcome(
        State.UNKNOWN,
        reason="KeyLost",
        message=f"{what}, so it cannot be asked for again; it was sent and may have taken effect",
    )


def with_note(outcome: Outcome, note: str) -> Outcome:
    """The same outcome with a note before its message."""
    return replace(outcome, message=f"{note}{outcome.message}")


def describe(subject: Subject) -> str:
    """``Deployment shop/web``: kind and place, for messages."""
    place = "/".join(step for step in (subject.namespace, subject.name) if step)
    return f"{subject.kind or 'object'} {place}".strip()


PHASES = ("send", "start", "run", "report")
"""Of an operation that is stored: until an agent has it, until an executor begins, there, and until its end is stored."""


def phases_s(operation: Operation) -> dict[str, float]:
    """How long each of its `PHASES` took, as far as it is known; executors go by clocks of their own."""
    told = operation.outcome
    started, ended = (_moment(told.started_ms), _moment(told.finished_ms)) if told is not None else (None, None)
    moments = (operation.created, operation.sent, started, ended, operation.finished)
    return {
        phase: max(0.0, (till - since).total_seconds())
        for phase, (since, till) in zip(PHASES, pairwise(moments), strict=True)
        if since is not None and till is not None
    }


def _moment(unix_ms: int) -> datetime | None:
    return datetime.fromtimestamp(unix_ms / 1000, UTC) if unix_ms else None
