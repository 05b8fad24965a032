"""What the mirror in memory holds: the tables of `tests.support.mirror_store`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.guard import Mark
from fairlead.gateway.core.inventory import StoredVersion
from fairlead.gateway.core.sessions import CloseReason, SessionState
from fairlead.gateway.core.states import ResourceState
from fairlead.gateway.core.views import (
    AccountView,
    StoredObject,
)

ReflectorKey = tuple[str, str, str, str]
"""Account, group, plural, namespace."""
CURSOR_JUMP = 2**40


@dataclass(slots=True)
class Tombstone:
    """What was deleted."""

    uid: str
    epoch: int
    version: int
    change: int
    labels: dict[str, str]
    deleted: datetime
    redacted: bool
    body: bytes


@dataclass(slots=True)
class Held:
    """A reflector with its rows and tombstones."""

    account: str
    resource: Resource
    namespace: str
    since: datetime
    sessions: SessionState = field(default_factory=SessionState)
    id: int = 0
    rows: dict[ObjectKey, StoredObject] = field(default_factory=dict)
    added: dict[ObjectKey, int] = field(default_factory=dict)
    tombstones: dict[ObjectKey, Tombstone] = field(default_factory=dict)
    state: ResourceState = ResourceState.LISTING
    message: str = ""
    lost: tuple[datetime, str] | None = None
    confirmed: datetime | None = None
    heard: datetime | None = None
    gap_since: datetime | None = None
    outlived: int | None = None

    def mark(self, key: ObjectKey) -> Mark | None:
        """What the guard compares with."""
        if row := self.rows.get(key):
            return Mark(row.epoch, row.version, deleted=False)
        if tombstone := self.tombstones.get(key):
            return Mark(tombstone.epoch, tombstone.version, deleted=True)
        return None

    def versions(self) -> list[StoredVersion]:
        """Rows and tombstones of every epoch, ordered bytewise."""
        found = [StoredVersion(key, row.uid, row.version, row.epoch, tombstone=False) for key, row in self.rows.items()]
        found += [
            StoredVersion(key, "", dead.version, dead.epoch, tombstone=True) for key, dead in self.tombstones.items()
        ]
        return sorted(found, key=lambda version: bytewise(version.key))

    def outlive(self) -> None:
        """Note that the versions seen so far may come again with other states."""
        self.outlived = max(self.outlived or 0, self.sessions.highest or 0) or None

    def close(self) -> str | None:
        """End the session that writes, if there is one."""
        self.gap_since = None
        if self.sessions.session is None:
            return None
        session = self.sessions.session
        self.sessions.close()
        return session


@dataclass(slots=True)
class Tables:
    """Everything that a database holds."""

    accounts: dict[str, AccountView] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)
    floors: dict[str, int] = field(default_factory=dict)
    nonces: dict[str, int] = field(default_factory=dict)
    reflectors_made: int = 0
    reflectors: dict[ReflectorKey, Held] = field(default_factory=dict)


def bytewise(key: ObjectKey) -> tuple[bytes, bytes]:
    """The order of PostgreSQL's collation "C"."""
    return key.namespace.encode(), key.name.encode()


def now_utc() -> datetime:
    """The time."""
    return datetime.now(UTC)


def close_all(reflectors: Sequence[Held], reason: CloseReason) -> dict[str, CloseReason]:
    """Close the sessions of these reflectors."""
    closed = [held.close() for held in reflectors]
    return {session: reason for session in closed if session is not None}
