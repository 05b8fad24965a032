"""What an inventory chunk means for the rows of its key range (rules 9 and 10 of docs/observation.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fairlead.contracts.envelope import Inventory
from fairlead.contracts.identity import ObjectKey


class StoredVersion(NamedTuple):
    """A row or a tombstone without its object; ``uid`` is empty for a tombstone."""

    key: ObjectKey
    uid: str
    version: int
    epoch: int
    tombstone: bool


@dataclass(slots=True)
class InventoryVerdict:
    """What to do. A contradiction means that versions ran backwards: nothing else of the verdict counts then."""

    contradiction: ObjectKey | None = None
    removed: list[ObjectKey] = field(default_factory=list)
    missing: list[ObjectKey] = field(default_factory=list)
    """Objects that exist and that the mirror lacks or holds older."""


def judge_inventory(
    inventory: Inventory, stored: Sequence[StoredVersion], *, epoch: int, may_ask: bool
) -> InventoryVerdict:
    """Compare one chunk with everything stored in its key range.

    Args:
        inventory: the chunk; entries outside its range are ignored.
        stored: rows and tombstones of the range.
        epoch: of the session that sent the chunk.
        may_ask: whether all parts before this one are committed; otherwise what lacks may be under way.

    """
    verdict = InventoryVerdict()
    known = {held.key: held for held in stored}
    listed = set()
    for entry in inventory.entries:
        if not in_range(inventory, entry.key):
            continue
        listed.add(entry.key)
        if entry.version is None:
            continue
        held = known.get(entry.key)
        if (
            held is not None
            and held.epoch == epoch
            and _contradicts(entry.uid, entry.version, held, inventory.snapshot)
        ):
            return InventoryVerdict(contradiction=entry.key)
        if may_ask and (held is None or (held.epoch, held.version) < (epoch, entry.version)):
            verdict.missing.append(entry.key)
    bound = (epoch, inventory.snapshot)
    verdict.removed = [
        held.key
        for held in stored
        if not held.tombstone and held.key not in listed and (held.epoch, held.version) <= bound
    ]
    return verdict


def in_range(inventory: Inventory, key: ObjectKey) -> bool:
    """Whether a key lies in the chunk's range; keys compare bytewise, as in SQL under the collation "C"."""
    place = _bytewise(key)
    return (inventory.first is None or place >= _bytewise(inventory.first)) and (
        inventory.until is None or place < _bytewise(inventory.until)
    )


def _bytewise(key: ObjectKey) -> tuple[bytes, bytes]:
    return key.namespace.encode(), key.name.encode()


def _contradicts(uid: str, version: int, held: StoredVersion, snapshot: int) -> bool:
    """Whether one history of a cluster cannot hold both what is stored and what the snapshot shows."""
    if version == held.version:
        return held.tombstone or held.uid != uid
    return version < held.version <= snapshot
