"""Strategic merge patch for the built-in kinds: lists merge by a key.

Kubernetes takes the keys from the Go types' `patchMergeKey` tags; here one small table names them by field. Directives:
`$patch: delete|replace`, `$deleteFromPrimitiveList/<field>`, `$setElementOrder/<field>`, `$retainKeys`.
"""

from __future__ import annotations

import copy
from typing import Any, Final

MERGE_KEYS: Final = {
    "addresses": "type",
    "conditions": "type",
    "containers": "name",
    "containerStatuses": "",
    "env": "name",
    "ephemeralContainers": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "podIPs": "ip",
    "resizePolicy": "",
    "resourceClaims": "name",
    "schedulingGates": "name",
    "secrets": "name",
    "subjects": "",
    "topologySpreadConstraints": "topologyKey",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
}

PRIMITIVE_SETS: Final = frozenset({"finalizers", "nodes"})


def list_key(field: str, items: list[Any]) -> str:
    """The key by which a list of objects merges, or empty for a list that is replaced whole."""
    if field == "ports":
        return "containerPort" if any("containerPort" in each for each in items if isinstance(each, dict)) else "port"
    return MERGE_KEYS.get(field, "")


def strategic_merge(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Apply a strategic merge patch; the target is not changed."""
    if patch.get("$patch") == "replace":
        return {name: copy.deepcopy(value) for name, value in patch.items() if not name.startswith("$")}
    kept = patch.get("$retainKeys")
    merged = {name: value for name, value in target.items() if kept is None or name in kept}
    for name, value in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            field = name.partition("/")[2]
            merged[field] = [each for each in merged.get(field) or [] if each not in value]
        elif not name.startswith("$"):
            _merge_field(merged, name, value)
    for name, order in patch.items():
        if name.startswith("$setElementOrder/"):
            _reorder(merged, name.partition("/")[2], order)
    return merged


def _merge_field(merged: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        merged.pop(name, None)
    elif isinstance(value, dict):
        _merge_object(merged, name, value)
    elif isinstance(value, list):
        merged[name] = _merge_list(name, merged.get(name) or [], value)
    else:
        merged[name] = value


def _merge_object(merged: dict[str, Any], name: str, value: dict[str, Any]) -> None:
    if value.get("$patch") == "delete":
        merged.pop(name, None)
        return
    present = merged.get(name)
    merged[name] = strategic_merge(present if isinstance(present, dict) else {}, value)


def _merge_list(field: str, present: list[Any], patch: list[Any]) -> list[Any]:
    if field in PRIMITIVE_SETS:
        return [*present, *(each for each in patch if each not in present)]
    key = list_key(field, present or patch)
    replaced = any(isinstance(each, dict) and each.get("$patch") == "replace" for each in patch)
    if not key or replaced or not all(isinstance(each, dict) for each in patch):
        return [copy.deepcopy(each) for each in patch if not (isinstance(each, dict) and "$patch" in each)]
    merged = list(present)
    for each in patch:
        place = next((at for at, other in enumerate(merged) if other.get(key) == each.get(key)), None)
        if each.get("$patch") == "delete":
            if place is not None:
                del merged[place]
        elif place is None:
            merged.append(strategic_merge({}, each))
        else:
            merged[place] = strategic_merge(merged[place], each)
    return merged


def _reorder(merged: dict[str, Any], field: str, order: list[Any]) -> None:
    items = merged.get(field)
    if not items or not order:
        return
    key = next(iter(order[0])) if isinstance(order[0], dict) else ""
    wanted = [each[key] for each in order] if key else order
    rank = {value: at for at, value in enumerate(wanted)}

    def place(item: Any) -> int:
        return rank.get(item[key] if key else item, len(rank))

    merged[field] = sorted(items, key=place)
