"""The course of one transaction over several batches: what is admitted, what wins, what is answered.

A store locks the reflectors that the batches name, hands their states to a `Ledger`, and walks the parts in order: `admit`,
apply events and inventory, `complete`. The store only does what is said here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fairlead.contracts.envelope import Batch, Event, Part, Source
from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.core import sessions
from fairlead.gateway.core.guard import newest
from fairlead.gateway.core.inventory import InventoryVerdict
from fairlead.gateway.core.sessions import AHEAD_LIMIT, CloseReason, SessionState

REPAIR_NAMES_LIMIT = 500
"""Objects named in one repair request; beyond, the reflector lists again."""


@dataclass(slots=True)
class Repair:
    """What the mirror lacks or holds older than an inventory said."""

    names: list[ObjectKey] = field(default_factory=list)
    relist: bool = False


@dataclass(slots=True)
class CommitCounts:
    """What became of parts and of events."""

    applied: int = 0
    duplicate: int = 0
    fenced: int = 0
    written: int = 0
    deleted: int = 0
    superseded: int = 0
    removed: int = 0
    """Rows that an inventory removed."""


@dataclass(slots=True)
class Committed:
    """What a transaction has to tell the watchers, by session."""

    closed: dict[str, CloseReason] = field(default_factory=dict)
    repairs: dict[str, Repair] = field(default_factory=dict)
    counts: CommitCounts = field(default_factory=CommitCounts)


@dataclass(slots=True)
class Reflector:
    """A locked reflector within a transaction."""

    id: int
    account_id: int
    account: str
    state: SessionState
    session: str
    confirmed: bool = False
    """A checkpoint was confirmed, so its age begins anew."""


@dataclass(slots=True)
class StampedEvent:
    """An event to apply under the guard, with its place in the order of changes."""

    reflector: Reflector
    change: int
    event: Event


@dataclass(slots=True)
class Ledger:
    """The books of one transaction.

    Args:
        reflectors: those whose current session the batches name, by session.
        changes: the change counter of each of their accounts, by account id. Every change of an account has a number of
            its own; as the account stays locked until the commit, numbers become visible in order.

    """

    reflectors: Mapping[str, Reflector]
    changes: dict[int, int]
    ahead_limit: int = AHEAD_LIMIT
    result: Committed = field(default_factory=Committed)
    touched: dict[str, Reflector] = field(default_factory=dict)
    _events: dict[str, list[Event]] = field(default_factory=dict)

    def admit(self, source: Source, number: int) -> Reflector | None:
        """The reflector that a part is to be applied to; None when the part is fenced (rule 2) or a duplicate (rule 3)."""
        reflector = self.reflectors.get(source.session)
        counts = self.result.counts
        if reflector is None or not _speaks_for(source, reflector):
            counts.fenced += 1
            self.result.closed.setdefault(source.session, CloseReason.SUPERSEDED)
            return None
        self.touched[source.session] = reflector
        if not sessions.is_new(reflector.state, number):
            counts.duplicate += 1
            return None
        return reflector

    def add_events(self, reflector: Reflector, events: Sequence[Event]) -> None:
        """Put events aside until `take_events`."""
        self._events.setdefault(reflector.session, []).extend(events)

    def take_events(self) -> list[StampedEvent]:
        """The events put aside, one for each object, in the order of their change numbers."""
        taken = []
        for session, events in self._events.items():
            reflector = self.reflectors[session]
            winners = newest(events)
            self.result.counts.superseded += len(events) - len(winners)
            for event in winners.values():
                taken.append(StampedEvent(reflector, self.next_change(reflector), event))
                reflector.state.saw(event.version)
        self._events = {}
        return taken

    def next_change(self, reflector: Reflector) -> int:
        """Take the next change number of the reflector's account."""
        self.changes[reflector.account_id] += 1
        return self.changes[reflector.account_id]

    def judge(self, reflector: Reflector, verdict: InventoryVerdict, snapshot: int) -> None:
        """Take an inventory's verdict over: its contradiction closes the session, what it misses is asked for."""
        if verdict.contradiction is not None:
            reflector.state.wants_epoch = True
            self._close(reflector, CloseReason.CONTRADICTION)
            return
        reflector.state.saw(snapshot)
        if verdict.missing:
            repair = self.result.repairs.setdefault(reflector.session, Repair())
            repair.names.extend(verdict.missing)
            if len(repair.names) > REPAIR_NAMES_LIMIT:
                repair.names, repair.relist = [], True

    def complete(self, reflector: Reflector, part: Part) -> None:
        """Note that an admitted part is applied."""
        if reflector.state.session is None:
            return
        self.result.counts.applied += 1
        reflector.confirmed |= sessions.record(reflector.state, part.number, part.checkpoint)
        if sessions.overflows(reflector.state, self.ahead_limit):
            self._close(reflector, CloseReason.OVERFLOW)

    def _close(self, reflector: Reflector, reason: CloseReason) -> None:
        reflector.state.close()
        self.result.closed[reflector.session] = reason
        self.result.repairs.pop(reflector.session, None)


def named_sessions(batches: Iterable[Batch]) -> list[str]:
    """The sessions whose parts the batches carry, in a fixed order."""
    return sorted({batch.sources[part.source].session for batch in batches for part in batch.parts})


def _speaks_for(source: Source, reflector: Reflector) -> bool:
    """Whether the session is current in this transaction, and belongs to the account and epoch that the source names."""
    state = reflector.state
    return state.session == source.session and state.epoch == source.epoch and reflector.account == source.account
