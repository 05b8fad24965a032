"""How the mirror's values stand in columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.core.inventory import StoredVersion

Row = tuple[Any, ...]


def number(text: str | None) -> int | None:
    """A version that was selected as text: cheaper than a Decimal, and of any size."""
    return None if text is None else int(text)


def text(version: int | None) -> str | None:
    """A version as parameter."""
    return None if version is None else str(version)


def encode_ahead(ahead: dict[int, int | None]) -> str:
    """Parts behind a hole, as ``number=checkpoint`` with blanks between."""
    return " ".join(f"{part}={'' if checkpoint is None else checkpoint}" for part, checkpoint in sorted(ahead.items()))


def decode_ahead(column: str) -> dict[int, int | None]:
    """The inverse of `encode_ahead`."""
    ahead: dict[int, int | None] = {}
    for piece in column.split():
        part, _, checkpoint = piece.partition("=")
        ahead[int(part)] = int(checkpoint) if checkpoint else None
    return ahead


def versions_of(rows: Iterable[Row]) -> list[StoredVersion]:
    """Rows of namespace, name, UID, version, epoch and whether it is a tombstone."""
    return [
        StoredVersion(ObjectKey(namespace, name), uid, int(version), epoch, tombstone)
        for namespace, name, uid, version, epoch, tombstone in rows
    ]
