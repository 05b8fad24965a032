"""Who owns which fields of an object (``metadata.managedFields``), and how server-side apply takes them over.

What was applied client-side is owned under the operation ``Update``. A manager that goes on server-side owns the same
fields once more, under ``Apply``, and what it leaves out of its manifest stays, because the old entry still owns it. So
that entry is merged into the new one, as kubectl does since 1.26 (``csaupgrade`` in k8s.io/client-go).
"""

from __future__ import annotations

from typing import Any

import msgspec

LAST_APPLIED_PATH = ("f:metadata", "f:annotations", "f:kubectl.kubernetes.io/last-applied-configuration")
Entry = dict[str, Any]
Fields = dict[str, Any]


class _Meta(msgspec.Struct):
    resourceVersion: str = ""  # noqa: N815 - the wire name
    managedFields: list[Entry] = []  # noqa: N815 - the wire name


class _Object(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


_decode = msgspec.json.Decoder(_Object).decode


def takeover(body: bytes, manager: str) -> bytes | None:
    """Make the JSON patch that gives the fields of client-side apply to ``manager``; None when there are none.

    Args:
        body: the object as it came, with its managedFields.
        manager: who applies server-side.

    """
    metadata = _decode(body).metadata
    entries = metadata.managedFields
    former = sorted({entry.get("manager", "") for entry in entries if _is_update(entry) and _owns_annotation(entry)})
    for name in former:
        entries = _adopted(entries, name, manager)
    return _patch(metadata, entries)


def sole_ownership(body: bytes, manager: str, api_version: str) -> bytes | None:
    """Make the JSON patch that leaves ``manager`` as the only owner; None when it is that already.

    Entries of subresources (status) stay with those who write them.
    """
    metadata = _decode(body).metadata
    owned: Fields = {}
    for entry in metadata.managedFields:
        if not entry.get("subresource"):
            owned = _joined(owned, entry.get("fieldsV1") or {})
    mine = {
        "manager": manager, "operation": "Apply", "apiVersion": api_version, "fieldsType": "FieldsV1", "fieldsV1": owned,
    }  # fmt: skip
    others = [entry for entry in metadata.managedFields if entry.get("subresource")]
    ours = [entry for entry in metadata.managedFields if not entry.get("subresource")]
    if [(entry.get("manager"), entry.get("operation")) for entry in ours] == [(manager, "Apply")]:
        return None
    return _patch(metadata, [mine, *others])


def united(one: Fields, other: Fields) -> Fields:
    """Unite two sets of fields; an empty set stands for the field itself, ``.`` for one that has fields below it."""
    if not one or not other:
        return {".": {}, **(one or other)} if one or other else {}
    result = dict(one)
    for key, below in other.items():
        result[key] = united(result[key], below) if key in result else below
    return result


def _joined(one: Fields, other: Fields) -> Fields:
    """Unite the fields of two whole entries; here an empty set has no field at all."""
    return united(one, other) if one and other else one or other


def _patch(metadata: _Meta, entries: list[Entry]) -> bytes | None:
    if entries == metadata.managedFields:
        return None
    return msgspec.json.encode(
        [
            {"op": "replace", "path": "/metadata/managedFields", "value": entries},
            # No `test`: a version that has passed is to be a conflict, which is tried again.
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata.resourceVersion},
        ]
    )


def _adopted(entries: list[Entry], former: str, manager: str) -> list[Entry]:
    """Merge the entry of a former manager into ours, or make it ours; the newest entry stands first."""
    updates = [entry for entry in entries if entry.get("manager") == former and _is_update(entry)]
    ours = next((entry for entry in entries if entry.get("manager") == manager and _is_apply(entry)), None)
    base = ours if ours is not None else updates[0]
    same_version = next((each for each in updates if each.get("apiVersion") == base.get("apiVersion")), None)
    fields = base.get("fieldsV1") or {}
    if same_version is not None and same_version is not base:
        fields = _joined(fields, same_version.get("fieldsV1") or {})
    adopted = {**base, "manager": manager, "operation": "Apply", "fieldsV1": fields}
    return [adopted if entry is base else entry for entry in entries if entry is base or entry not in updates]


def _is_update(entry: Entry) -> bool:
    return entry.get("operation") == "Update" and not entry.get("subresource")


def _is_apply(entry: Entry) -> bool:
    return entry.get("operation") == "Apply" and not entry.get("subresource")


def _owns_annotation(entry: Entry) -> bool:
    fields: Any = entry.get("fieldsV1") or {}
    for step in LAST_APPLIED_PATH:
        if not isinstance(fields, dict) or step not in fields:
            return False
        fields = fields[step]
    return not fields or "." in fields
