"""The difference between two objects as a strategic merge patch: what was added or changed, or what was deleted."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from fairlead.executor.core.merging.schemas import Member, Node
from fairlead.executor.core.merging.values import (
    DELETE_PREFIX,
    DIRECTIVE,
    ORDER_PREFIX,
    RETAIN_KEYS,
    MergeFault,
    element_type,
    in_order,
    key_of,
    same,
    sorted_objects,
    sorted_scalars,
    text,
    without_duplicates,
)

Object = dict[str, Any]


class Side(Enum):
    """Which half of the difference."""

    CHANGES = "additions and changes"
    DELETIONS = "deletions"


def difference(before: Object, after: Object, node: Node, side: Side, *, retains: bool = False) -> Object:
    """Make the patch that leads from one object to the other, as far as ``side`` tells.

    Args:
        before: the object as it is.
        after: the object as it shall be.
        node: its schema.
        side: which half.
        retains: whether the patch is to name all keys that stay.

    Raises:
        MergeFault: the objects do not fit the schema.

    """
    patch: Object = {}
    for key, value in after.items():
        if key not in before:
            if side is Side.CHANGES:
                patch[key] = value
        elif key == DIRECTIVE:
            _carry_directive(before[key], value, patch)
        else:
            _compare(key, before[key], value, patch, node, side)
    if side is Side.DELETIONS:
        patch |= {key: None for key in before if key not in after}
    kept = sorted(key for key, value in after.items() if value is not None) if retains else []
    if kept and (patch or any(value is not None and key not in after for key, value in before.items())):
        patch[RETAIN_KEYS] = kept
    return patch


def _carry_directive(before: Any, after: Any, patch: Object) -> None:
    if not isinstance(before, str) or not isinstance(after, str):
        raise MergeFault(f"invalid value for special key: {DIRECTIVE}")
    if before != after:
        patch[DIRECTIVE] = after


def _compare(key: str, before: Any, after: Any, patch: Object, node: Node, side: Side) -> None:  # noqa: PLR0913, PLR0917 - the two, and where they stand
    if type(before) is not type(after) or not isinstance(after, dict | list):
        if side is Side.CHANGES and not same(before, after):
            patch[key] = after
        return
    try:
        member = node.elements(key) if isinstance(after, list) else node.field(key)
    except MergeFault:
        if not same(before, after):
            raise
        return
    if isinstance(after, list):
        _compare_lists(key, before, after, patch, member, side)
    elif member.strategy == "replace":
        if side is Side.CHANGES:
            patch[key] = after
    elif inner := difference(before, after, member.node, side, retains=member.retains):
        patch[key] = inner


def _compare_lists(key: str, before: list[Any], after: list[Any], patch: Object, member: Member, side: Side) -> None:  # noqa: PLR0913, PLR0917 - as above
    if member.strategy != "merge":
        if side is Side.CHANGES and not same(before, after):
            patch[key] = after
        return
    found = _merging(before, after, member, side)
    for name, elements in (
        (key, found.elements),
        (f"{DELETE_PREFIX}{key}", found.deleted),
        (f"{ORDER_PREFIX}{key}", found.order),
    ):
        if elements:
            patch[name] = elements


class _Lists(NamedTuple):
    elements: list[Any]
    deleted: list[Any]
    """Scalars; deleted objects are among the elements."""
    order: list[Any]


def _merging(before: list[Any], after: list[Any], member: Member, side: Side) -> _Lists:
    if not before:
        return _Lists(after if side is Side.CHANGES else [], [], [])
    if element_type(before, after) is dict:
        return _objects(before, after, member, side)
    return _scalars(before, after, side)


def _scalars(before: list[Any], after: list[Any], side: Side) -> _Lists:
    """Compare what was there, sorted, with what shall be: kubectl sorts it in its place before it looks at the order."""
    sorted_before = sorted_scalars(before)
    added, deleted = _apart(sorted_before, sorted_scalars(after))
    if side is Side.DELETIONS:
        return _Lists([], without_duplicates(deleted), after if deleted else [])
    return _Lists(in_order(added, after, ""), [], [] if same(sorted_before, after) else after)


def _apart(before: list[Any], after: list[Any]) -> tuple[list[Any], list[Any]]:
    """Walk through two sorted lists of scalars: what the second has more, and what it lacks."""
    added, deleted = [], []
    i = j = 0
    while i < len(before) or j < len(after):
        if j == len(after) or (i < len(before) and text(before[i]) < text(after[j])):
            deleted.append(before[i])
            i += 1
        elif i == len(before) or text(before[i]) > text(after[j]):
            added.append(after[j])
            j += 1
        else:
            i, j = i + 1, j + 1
    return added, deleted


def _objects(before: list[Any], after: list[Any], member: Member, side: Side) -> _Lists:
    changed, deleted = _walk(before, after, member, side)
    key = member.merge_key
    elements = in_order(changed, after, key)
    if len(before) != len(after):
        same_order = False
    else:
        same_order = all(same(key_of(old, key), key_of(new, key)) for old, new in zip(before, after, strict=True))
    elements += deleted
    wanted = bool(elements) or (side is Side.CHANGES and not same_order)
    return _Lists(elements, [], [{key: each[key]} for each in after] if wanted else [])


def _walk(before: list[Any], after: list[Any], member: Member, side: Side) -> tuple[list[Any], list[Any]]:
    """Walk through two lists of objects, sorted by their key: what changes or comes, and what goes."""
    key = member.merge_key
    old, new = sorted_objects(before, key), sorted_objects(after, key)
    changed: list[Any] = []
    deleted: list[Any] = []
    i = j = 0
    while i < len(old) or j < len(new):
        left = text(key_of(old[i], key)) if i < len(old) else None
        right = text(key_of(new[j], key)) if j < len(new) else None
        if left is not None and left == right:
            inner = difference(old[i], new[j], member.node, side, retains=member.retains)
            if inner:
                changed.append({**inner, key: new[j][key]})
            i, j = i + 1, j + 1
        elif left is None or (right is not None and left > right):
            if side is Side.CHANGES:
                changed.append(new[j])
            j += 1
        else:
            if side is Side.DELETIONS:
                deleted.append({key: old[i][key], DIRECTIVE: "delete"})
            i += 1
    return changed, deleted
