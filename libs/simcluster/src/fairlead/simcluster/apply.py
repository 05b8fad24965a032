"""Server-side apply, and the managers' records in metadata.managedFields (KEP-555)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from fairlead.simcluster import fields
from fairlead.simcluster.errors import StatusError, cause
from fairlead.simcluster.fields import FieldSet


@dataclass(frozen=True, slots=True)
class Manager:
    """Who writes: the key of an entry in managedFields."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    def same(self, record: dict[str, Any]) -> bool:
        """Whether a record is this manager's."""
        return (
            record.get("manager") == self.name
            and record.get("operation") == self.operation
            and record.get("subresource", "") == self.subresource
        )

    def record(self, owned: FieldSet, time: str) -> dict[str, Any]:
        """The entry in managedFields."""
        entry: dict[str, Any] = {
            "manager": self.name,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": time,
            "fieldsType": "FieldsV1",
            "fieldsV1": owned,
        }
        if self.subresource:
            entry["subresource"] = self.subresource
        return entry


def record_update(old: dict[str, Any] | None, new: dict[str, Any], manager: Manager, time: str) -> None:
    """Note in `new` (changed in place) that a manager wrote what differs from `old`."""
    status = manager.subresource == "status"
    before = fields.managed_part(old, status=status) if old else {}
    delta = fields.changed(before, fields.managed_part(new, status=status))
    present = fields.field_set(fields.managed_part(new, status=False))
    if "status" in new:
        present = fields.union(present, fields.field_set({"status": new["status"]}))
    records: list[dict[str, Any]] = []
    known = False
    for record in (old or new)["metadata"].get("managedFields") or ():
        owned = record.get("fieldsV1") or {}
        if manager.same(record):
            known = True
            left = fields.union(fields.existing(owned, present), delta)
            records.append(record if left == owned else manager.record(left, time))
        elif left := fields.existing(fields.difference(owned, delta), present):
            records.append({**record, "fieldsV1": left})
    if delta and not known:
        records.append(manager.record(delta, time))
    _set_records(new, [record for record in records if record["fieldsV1"]])


def _set_records(obj: dict[str, Any], records: list[dict[str, Any]]) -> None:
    if records:
        obj["metadata"]["managedFields"] = records
    else:
        obj["metadata"].pop("managedFields", None)


def server_side_apply(
    live: dict[str, Any] | None, applied: dict[str, Any], manager: Manager, *, force: bool, time: str
) -> dict[str, Any]:
    """The object after an apply; StatusError 409 when it contradicts other managers and is not forced."""
    status = manager.subresource == "status"
    wanted = fields.managed_part(applied, status=status)
    wanted_set = fields.field_set(wanted)
    if live is None:
        created = copy.deepcopy(applied)
        _set_records(created, [manager.record(wanted_set, time)] if wanted_set else [])
        return created
    present = live["metadata"].get("managedFields") or []
    others = [record for record in present if not manager.same(record)]
    own = next((record.get("fieldsV1") or {} for record in present if manager.same(record)), {})
    overridden = fields.changed(fields.managed_part(live, status=status), wanted)
    if not force:
        _refuse_conflicts(others, overridden)
    merged: dict[str, Any] = _merged(live, wanted, "")
    kept = wanted_set
    for record in others:
        kept = fields.union(kept, record.get("fieldsV1") or {})
    _drop(merged, fields.difference(own, kept))
    records = [
        {**record, "fieldsV1": left}
        for record in others
        if (left := fields.difference(record.get("fieldsV1") or {}, overridden))
    ]
    if wanted_set:
        same = own == wanted_set and merged == live
        mine = next((record for record in present if manager.same(record)), None)
        records.append(mine if same and mine else manager.record(wanted_set, time))
    merged["metadata"] = dict(merged["metadata"])
    _set_records(merged, records)
    return merged


def _refuse_conflicts(others: list[dict[str, Any]], overridden: FieldSet) -> None:
    causes: list[dict[str, str]] = []
    for record in others:
        common = fields.intersection(overridden, record.get("fieldsV1") or {})
        named = f'conflict with "{record["manager"]}"'
        if record.get("subresource"):
            named += f' with subresource "{record["subresource"]}"'
        if record["operation"] == "Update":
            named += f" using {record['apiVersion']}"
        causes.extend(cause("FieldManagerConflict", path, named) for path in fields.paths(common))
    if not causes:
        return
    count = "1 conflict" if len(causes) == 1 else f"{len(causes)} conflicts"
    listed = ", ".join(dict.fromkeys(each["message"] for each in causes))
    where = ", ".join(each["field"] for each in causes)
    raise StatusError(409, "Conflict", f"Apply failed with {count}: {listed}: {where}", details={"causes": causes})


def _merged(live: Any, wanted: Any, field: str) -> Any:
    if isinstance(wanted, dict) and isinstance(live, dict) and field not in fields.ATOMIC:
        merged = dict(live)
        for name, value in wanted.items():
            merged[name] = _merged(live.get(name), value, name)
        return merged
    if isinstance(wanted, list) and isinstance(live, list):
        return _merged_list(live, wanted, field)
    return copy.deepcopy(wanted)


def _merged_list(live: list[Any], wanted: list[Any], field: str) -> list[Any]:
    before, after = fields.labelled(field, live), fields.labelled(field, wanted)
    if before is None or after is None:
        return copy.deepcopy(wanted)
    merged = {label: _merged(item, after[label], "") if label in after else item for label, item in before.items()}
    for label, item in after.items():
        merged.setdefault(label, copy.deepcopy(item))
    return list(merged.values())


def _drop(value: dict[str, Any], dropped: FieldSet) -> None:
    for step, below in dropped.items():
        name = step[2:]
        if step.startswith("f:") and name in value:
            _drop_field(value, name, below)


def _drop_field(value: dict[str, Any], name: str, below: FieldSet) -> None:
    if not below:
        del value[name]
    elif isinstance(value[name], dict):
        value[name] = dict(value[name])
        _drop(value[name], below)
        if not value[name]:
            del value[name]
    elif isinstance(value[name], list):
        items = fields.labelled(name, value[name]) or {}
        for label, under in below.items():
            if label in items and (not under or "." in under):
                del items[label]
            elif label in items:
                items[label] = dict(items[label])
                _drop(items[label], under)
        value[name] = list(items.values())
