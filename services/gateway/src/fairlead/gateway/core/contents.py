"""The few facts of an object's body that queries need beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import msgspec


class _Owner(msgspec.Struct):
    uid: str = ""


class _Metadata(msgspec.Struct, rename="camel"):
    creation_timestamp: datetime | None = None
    labels: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


@dataclass(frozen=True, slots=True)
class Facts:
    """Labels, time of creation and owners' UIDs."""

    labels: dict[str, str] = field(default_factory=dict)
    created: datetime | None = None
    owners: tuple[str, ...] = ()


NO_FACTS = Facts()
_decode = msgspec.json.Decoder(_Object).decode


def read_facts(body: bytes) -> Facts:
    """Read the facts of an object; none when it was withheld or is no Kubernetes object.

    Labels with NUL characters, which Kubernetes forbids and PostgreSQL cannot hold, are left out.
    """
    if not body:
        return NO_FACTS
    try:
        metadata = _decode(body).metadata
    except msgspec.DecodeError:
        return NO_FACTS
    labels = metadata.labels or {}
    if any("\0" in key or "\0" in value for key, value in labels.items()):
        labels = {key: value for key, value in labels.items() if "\0" not in key + value}
    owners = tuple(owner.uid for owner in metadata.owner_references or () if owner.uid and "\0" not in owner.uid)
    return Facts(labels, metadata.creation_timestamp, owners)
