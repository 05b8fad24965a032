"""Sets of fields in the FieldsV1 notation of managedFields, and which fields belong to which manager.

A set is a tree: `f:<name>` for a field, `k:{…}` for an item of a keyed list, `v:…` for an item of a set, `.` for an item
itself; a leaf is an empty object (KEP-555, structured-merge-diff). Atomic are selectors and all lists without keys.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fairlead.simcluster.strategic import PRIMITIVE_SETS, list_key

FieldSet = dict[str, Any]

ATOMIC: Final = frozenset({"selector", "nodeSelector", "scaleTargetRef", "matchLabels", "resourceRef"})
UNMANAGED_METADATA: Final = frozenset(
    {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "selfLink",
    }
)

_encode = msgspec.json.Encoder(order="sorted").encode


def managed_part(obj: dict[str, Any], *, status: bool) -> dict[str, Any]:
    """The part of an object whose fields have owners, through the main resource or through `status`."""
    if status:
        return {"status": obj["status"]} if "status" in obj else {}
    part = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind", "metadata", "status")}
    metadata = {name: value for name, value in obj["metadata"].items() if name not in UNMANAGED_METADATA}
    return {"metadata": metadata, **part} if metadata else part


def item_label(field: str, item: Any, key: str) -> str:
    """The label of a list item: its key values, or its value in a set."""
    if not key:
        return "v:" + _encode(item).decode()
    keys = {key: item.get(key)}
    if field == "ports":
        keys["protocol"] = item.get("protocol", "TCP")
    return "k:" + _encode(keys).decode()


def labelled(field: str, items: list[Any]) -> dict[str, Any] | None:
    """The items of a keyed list or of a set by label; None when the list is atomic."""
    if field in PRIMITIVE_SETS:
        return {item_label(field, item, ""): item for item in items}
    key = list_key(field, items)
    if not key or not all(isinstance(item, dict) and key in item for item in items):
        return None
    return {item_label(field, item, key): item for item in items}


def field_set(value: Any, field: str = "") -> FieldSet:
    """All fields of a value."""
    if isinstance(value, dict) and field not in ATOMIC:
        return {f"f:{name}": field_set(part, name) for name, part in value.items()}
    if isinstance(value, list):
        items = labelled(field, value)
        if items is not None:
            return {label: _item_set(label, item) for label, item in items.items()}
    return {}


def _item_set(label: str, item: Any) -> FieldSet:
    return {".": {}, **field_set(item)} if label.startswith("k:") else {}


def changed(old: Any, new: Any, field: str = "") -> FieldSet:
    """The fields of `new` that `old` lacks or holds with another value; empty when there are none."""
    return _changed(old, new, field) or {}


def _changed(old: Any, new: Any, field: str) -> FieldSet | None:
    """As `changed`, but None for no change: an empty set is a leaf that changed."""
    if isinstance(new, dict) and isinstance(old, dict) and field not in ATOMIC:
        steps = {f"f:{name}": (name, value, old.get(name), name in old) for name, value in new.items()}
    elif isinstance(new, list) and isinstance(old, list) and (items := labelled(field, new)) is not None:
        before = labelled(field, old) or {}
        steps = {label: ("", item, before.get(label), label in before) for label, item in items.items()}
    else:
        return None if old == new else field_set(new, field)
    found: FieldSet = {}
    for step, (name, value, past, known) in steps.items():
        if not known:
            found[step] = field_set(value, name) if name else _item_set(step, value)
        elif (difference_below := _changed(past, value, name)) is not None:
            found[step] = difference_below
    return found or None


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """Fields of either set."""
    merged = dict(one)
    for step, below in other.items():
        merged[step] = union(merged[step], below) if step in merged else below
    return merged


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """Fields of the one that are not in the other."""
    left: FieldSet = {}
    for step, below in one.items():
        if step not in other:
            left[step] = below
        elif other[step] and below and (rest := difference(below, other[step])):
            left[step] = rest
    return left


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """Fields of both sets."""
    common: FieldSet = {}
    for step, below in one.items():
        if step not in other:
            continue
        if not below or not other[step]:
            common[step] = {}
        elif shared := intersection(below, other[step]):
            common[step] = shared
    return common


def existing(owned: FieldSet, present: FieldSet) -> FieldSet:
    """The fields of a manager that the object still has."""
    kept: FieldSet = {}
    for step, below in owned.items():
        if step in present:
            rest = existing(below, present[step])
            if rest or not below or not present[step]:
                kept[step] = rest
    return kept


def paths(fields: FieldSet, prefix: str = "") -> list[str]:
    """The leaves as the server writes them in conflicts: `.spec.containers[name="web"].image`."""
    found: list[str] = []
    for step, below in fields.items():
        if step == ".":
            continue
        if step.startswith("f:"):
            path = f"{prefix}.{step[2:]}"
        elif step.startswith("k:"):
            keys = msgspec.json.decode(step[2:])
            path = prefix + "[" + ",".join(f"{name}={_encode(value).decode()}" for name, value in keys.items()) + "]"
        else:
            path = f"{prefix}[={step[2:]}]"
        found.extend(paths(below, path) or [path])
    return found
