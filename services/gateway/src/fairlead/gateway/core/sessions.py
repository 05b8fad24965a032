"""Sessions, part numbers and checkpoints of one reflector (rules 1 to 5, 9 and 12 of docs/observation.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from fairlead.contracts.identity import Resource
from fairlead.gateway.core.claims import ClusterIdentity

AHEAD_LIMIT = 1024
"""Parts that may wait behind a hole before the session is given up."""


class CloseReason(StrEnum):
    """Why a session is no longer taken; the reflector opens another one."""

    SUPERSEDED = "superseded"
    GAP = "gap"
    OVERFLOW = "overflow"
    CONTRADICTION = "contradiction"
    RESTORED = "restored"
    RELIST = "relist"
    REFUSED = "refused"
    """The database cannot hold what the session sent."""


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A reflector's wish to begin a session; epochs are 0 for none."""

    account: str
    cluster: ClusterIdentity
    """As claimed on the connection that asks."""
    resource: Resource
    namespace: str
    scope: str
    known_epoch: int = 0
    ended_epoch: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """A fresh session and where it starts."""

    session: str
    epoch: int
    checkpoint: int | None
    checkpoint_age_ms: int
    highest: int | None
    """Highest version that this epoch has seen: of rows, tombstones, snapshots and checkpoints; None for none."""
    rows: int


@dataclass(slots=True)
class SessionState:
    """What is kept about one reflector: one account, resource and namespace."""

    epoch: int = 1
    scope: str | None = None
    session: str | None = None
    prefix: int = 0
    """Parts 1 to this one are committed."""
    ahead: dict[int, int | None] = field(default_factory=dict)
    """Committed parts behind a hole, with the checkpoint that each carries."""
    checkpoint: int | None = None
    highest: int | None = None
    wants_epoch: bool = False
    """The next session begins a new epoch."""

    def saw(self, version: int) -> None:
        """Raise the highest version of the epoch."""
        if self.highest is None or version > self.highest:
            self.highest = version

    def close(self) -> None:
        """Let no session write; what is committed stays."""
        self.session = None
        self.prefix = 0
        self.ahead = {}


def begin(state: SessionState, request: OpenRequest, session: str) -> SessionState:
    """The state after a session was opened.

    A new epoch begins when the watcher saw the epoch end that is stored, when a contradiction asked for one, and when the
    scope changes: objects may have another content then at the same version (scrub rules), or have left the scope and come
    back unchanged, and a new epoch makes every row replaceable and every tombstone powerless. An epoch that only the
    watcher knows is of a database that was restored from a backup.
    """
    scope = f"{request.resource.version} {request.scope}"
    epoch = state.epoch
    rescoped = state.scope is not None and state.scope != scope
    if state.wants_epoch or rescoped or request.ended_epoch == epoch:
        epoch += 1
    epoch = max(epoch, request.known_epoch)
    if epoch != state.epoch:
        return SessionState(epoch=epoch, scope=scope, session=session)
    return SessionState(epoch=epoch, scope=scope, session=session, checkpoint=state.checkpoint, highest=state.highest)


def is_new(state: SessionState, number: int) -> bool:
    """Whether a part was not yet applied (rule 3)."""
    return number > state.prefix and number not in state.ahead


def may_ask(state: SessionState, number: int) -> bool:
    """Whether an inventory in this part may ask for what lacks: nothing before it is under way any more (rule 10)."""
    return state.prefix >= number - 1


def record(state: SessionState, number: int, checkpoint: int | None) -> bool:
    """Note that a new part is applied; tells whether a checkpoint was confirmed (rule 4).

    The stored checkpoint is the one of the last part of the gapless prefix and never goes back within an epoch.
    """
    state.ahead[number] = checkpoint
    confirmed = False
    while state.prefix + 1 in state.ahead:
        state.prefix += 1
        carried = state.ahead.pop(state.prefix)
        if carried is not None and (state.checkpoint is None or carried >= state.checkpoint):
            state.checkpoint = carried
            state.saw(carried)
            confirmed = True
    return confirmed


def overflows(state: SessionState, limit: int = AHEAD_LIMIT) -> bool:
    """Whether too many parts wait behind a hole (rule 5)."""
    return len(state.ahead) > limit
