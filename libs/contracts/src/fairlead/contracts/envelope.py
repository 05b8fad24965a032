"""The envelope of the observation path: what a batch on the bus holds.

A batch carries numbered parts of many sessions. The bridge passes it on unread, so this is the contract between watcher,
scrubber and gateway. `codec` turns it into bytes and back.

The rules that give parts and checkpoints their meaning are told in docs/observation.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from fairlead.contracts.identity import ObjectKey, Resource

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Source:
    """Whose parts these are: one session of one resource of one account."""

    account: str
    cluster: str
    """Identity of the cluster, as claimed with the account."""
    resource: Resource
    namespace: str
    """The only namespace of this session, empty for all."""
    session: str
    epoch: int


class Change(IntEnum):
    """What happened to an object."""

    UPSERT = 1
    DELETE = 2


@dataclass(slots=True)
class Event:
    """The newest known state of one object, or its deletion."""

    change: Change
    key: ObjectKey
    uid: str
    version: int
    """Numeric resourceVersion; of the deletion itself for a delete."""
    changed_ms: int
    """Unix time the API server gave the change, or at which the watch line was read; 0 when unknown (lists)."""
    object: bytes
    """The object as JSON without managedFields; empty for deletes and for withheld objects."""
    redacted: bool = False
    """Whether the scrubber took something out of the object."""
    withheld: str = ""
    """Why the object itself is not here, empty when it is. Identity and version are right all the same."""
    traceparent: str = ""
    """W3C trace context of a sampled event."""


@dataclass(slots=True)
class InventoryEntry:
    """One object that existed in the snapshot; no version means that newer changes of it are still to be sent."""

    key: ObjectKey
    uid: str
    version: int | None


@dataclass(slots=True)
class Inventory:
    """What exists in the key range ``first`` (inclusive) to ``until`` (exclusive) of one snapshot; None means unbounded."""

    snapshot: int
    first: ObjectKey | None
    until: ObjectKey | None
    entries: list[InventoryEntry]


@dataclass(slots=True)
class Part:
    """One numbered step of a session.

    ``checkpoint`` c says: every change up to version c is in the parts 1 to this one. A part without events and without
    inventory carries nothing but its number and checkpoint.
    """

    source: int
    """Index into `Batch.sources`."""
    number: int
    checkpoint: int | None = None
    events: list[Event] = field(default_factory=list)
    inventory: Inventory | None = None


@dataclass(slots=True)
class Batch:
    """One message on the bus and one data frame on the link."""

    sources: list[Source]
    parts: list[Part]
