"""What readers of the mirror see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.claims import ClusterIdentity
from fairlead.gateway.core.selectors import Requirement
from fairlead.gateway.core.states import ResourceState


@dataclass(frozen=True, slots=True)
class Refusal:
    """A second cluster that claimed the account and waits for somebody's decision."""

    cluster: ClusterIdentity
    zone: str
    agent: str
    since: datetime


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as it was claimed last."""

    name: str
    cluster: ClusterIdentity
    mode: str
    zone: str
    agent: str
    server_version: str
    namespaces: tuple[str, ...]
    read_roles: tuple[str, ...]
    write_roles: tuple[str, ...]
    claimed: datetime
    refusal: Refusal | None = None
    execute_roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceView:
    """One reflector: how fresh the rows of a resource are. ``namespace`` is empty for all namespaces."""

    account: str
    resource: Resource
    namespace: str
    state: ResourceState
    since: datetime
    message: str
    epoch: int
    checkpoint: int | None
    """Everything up to this version is in the rows; None means that the first list is not complete."""
    confirmed: datetime | None
    """When the checkpoint was confirmed last."""
    heard: datetime | None
    """When something came from the reflector last."""
    writing: bool
    """Whether a session is open."""
    rows: int | None
    """None: nobody asked for their number."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A row. ``body`` is the object as JSON, exactly as it was sent; empty when it is withheld."""

    key: ObjectKey
    uid: str
    version: int
    epoch: int
    created: datetime | None
    updated: datetime
    change: int
    labels: dict[str, str]
    owners: tuple[str, ...]
    redacted: bool
    withheld: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ObjectQuery:
    """Which objects to read, ordered bytewise by namespace and name."""

    account: str
    resource: Resource
    """Group and plural count."""
    namespace: str | None = None
    name: str | None = None
    labels: Sequence[Requirement] = ()
    limit: int = 500
    after: ObjectKey | None = None
    bodies: bool = True


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """Objects of one snapshot of the database."""

    objects: list[StoredObject]
    more: bool
    """Whether objects follow behind the last one."""
    change: int
    """Change cursor of the account: what is committed later has a higher number."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """An object that is gone."""

    key: ObjectKey
    uid: str
    version: int
    change: int
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed behind a cursor, in the order of the changes; only the newest state of each object."""

    changes: list[StoredObject | Deletion]
    cursor: int
    """Where to go on: nothing at or below it will appear any more."""
    more: bool
