"""Three states and one patch: the manifest applied last, the manifest to apply, and the live object."""

from __future__ import annotations

import copy
from typing import Any

from fairlead.executor.core.merging.difference import Object, Side, difference
from fairlead.executor.core.merging.overlay import overlay
from fairlead.executor.core.merging.schemas import Node
from fairlead.executor.core.merging.values import MergeFault, without_nulls

_MISSING = object()


def strategic_patch(last: Object, manifest: Object, live: Object, node: Node) -> Object:
    """Make the strategic merge patch for a kind whose schema is known; none of the three is changed.

    Raises:
        MergeFault: they do not fit the schema, or each other.

    """
    deletions = difference(last, manifest, node, Side.DELETIONS)
    changes = difference(live, manifest, node, Side.CHANGES)
    return overlay(copy.deepcopy(deletions), copy.deepcopy(changes), node)


def merge_patch(last: Object, manifest: Object, live: Object) -> Object:
    """Make the JSON merge patch (RFC 7386) for any other kind: lists are replaced whole.

    Raises:
        MergeFault: the manifest is another object than the live one.

    """
    deletions = _only_nulls(_difference(last, manifest))
    changes = _without_nulls(_difference(live, manifest))
    patch = _joined(deletions, changes)
    if not {"apiVersion", "kind"}.isdisjoint(patch) or "name" in (patch.get("metadata") or {}):
        raise MergeFault("at least one of apiVersion, kind and name was changed")
    return patch


def _difference(before: Object, after: Object) -> Object:
    patch: Object = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key, _MISSING)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = _difference(old, value)
            if inner:
                patch[key] = inner
        elif not _equal(old, value):
            patch[key] = value
    return patch


def _equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _only_nulls(patch: Object) -> Object:
    kept: Object = {}
    for key, value in patch.items():
        if value is None:
            kept[key] = None
        elif isinstance(value, dict) and (inner := _only_nulls(value)):
            kept[key] = inner
    return kept


def _without_nulls(patch: Object) -> Object:
    """Leave deletions out; an empty object that was wanted empty stays."""
    kept: Object = {}
    for key, value in patch.items():
        if isinstance(value, dict):
            inner = _without_nulls(value)
            if inner or not value:
                kept[key] = inner
        elif value is not None:
            kept[key] = value
    return kept


def _joined(base: Object, patch: Object) -> Object:
    """Lay a patch over another; nulls inside what is set anew, also in lists, are no deletions and go."""
    joined = dict(base)
    for key, value in patch.items():
        standing = joined.get(key)
        if isinstance(standing, dict) and isinstance(value, dict):
            joined[key] = _joined(standing, value)
        else:
            joined[key] = without_nulls(value)
    return joined
