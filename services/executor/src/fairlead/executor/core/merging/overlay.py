"""One strategic merge patch laid over another, so that sending the result is as good as sending both.

Directives stay what they are: nothing is deleted or put in order yet, that is the API server's.
"""

from __future__ import annotations

from typing import Any

from fairlead.executor.core.merging.difference import Object
from fairlead.executor.core.merging.schemas import Member, Node
from fairlead.executor.core.merging.values import (
    DELETE_PREFIX,
    DIRECTIVE,
    ORDER_PREFIX,
    RETAIN_KEYS,
    MergeFault,
    element_type,
    in_order,
    is_deletion,
    key_of,
    position,
    same,
    without_duplicates,
)


def overlay(base: Object, patch: Object, node: Node) -> Object:
    """Lay a patch over another; both are used up.

    Raises:
        MergeFault: they contradict each other, or do not fit the schema.

    """
    if DIRECTIVE in patch:
        return _directed(patch)
    _retain(base, patch)
    for key in [key for key in patch if key.startswith(ORDER_PREFIX)]:
        _put_in_order(base, patch, key, node)
    for key, value in patch.items():
        if key.startswith(DELETE_PREFIX):
            base[key] = value
            continue
        if value is None:
            base.pop(key, None)
        if key not in base or type(base[key]) is not type(value) or not isinstance(value, dict | list):
            _put(base, key, value)
        elif isinstance(value, dict):
            member = node.field(key)
            base[key] = value if member.strategy == "replace" else overlay(base[key], value, member.node)
        else:
            base[key] = _lists(base[key], value, node.elements(key))
    return base


def _directed(patch: Object) -> Object:
    match patch.pop(DIRECTIVE):
        case "replace":
            return patch
        case "delete":
            return {}
        case _:
            raise MergeFault(f"unknown patch type in {DIRECTIVE}")


def _retain(base: Object, patch: Object) -> None:
    kept = patch.pop(RETAIN_KEYS, None)
    if kept is None:
        return
    if not same(base.setdefault(RETAIN_KEYS, kept), kept):
        raise MergeFault(f"two lists of {RETAIN_KEYS} differ")


def _put(base: Object, key: str, value: Any) -> None:
    """Take a value over without directives that may stand in it; one that is a directive itself is left out."""
    if isinstance(value, dict) and DIRECTIVE in value:
        base.pop(key, None)
    else:
        base[key] = _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if not _is_directive(each)}
    if isinstance(value, list):
        return [_plain(each) for each in value if not _is_directive(each)]
    return value


def _is_directive(value: Any) -> bool:
    return isinstance(value, dict) and DIRECTIVE in value


def _put_in_order(base: Object, patch: Object, directive: str, node: Node) -> None:
    """Carry an order over, and put the two lists that it is about together in that order."""
    order = patch.pop(directive)
    if not isinstance(order, list) or not same(base.setdefault(directive, order), order):
        raise MergeFault(f"two lists of {directive} differ")
    field = directive.partition("/")[2]
    ours, theirs = base.get(field, []), patch.get(field, [])
    if not isinstance(ours, list) or not isinstance(theirs, list):
        raise MergeFault(f"{field} is a list in one patch and none in the other")
    member = node.elements(field)
    _check_order(theirs, order, member.merge_key)
    if field not in base and field not in patch:
        return
    if field not in patch:
        merged = ours
    elif field not in base:
        merged = _plain(theirs)
    else:
        merged = _lists(ours, theirs, member)
    element_type(ours, theirs)
    base[field] = _ordered(merged, order, ours, member.merge_key)
    patch.pop(field, None)


def _check_order(elements: list[Any], order: list[Any], merge_key: str) -> None:
    """Make sure that the elements of a patch stand in the order that it wants."""
    if not elements or not order:
        return
    remaining = iter(order)
    for each in elements:
        if merge_key and _is_directive(each):
            continue
        if not any(position([known], each, merge_key) == 0 for known in remaining):
            raise MergeFault("the order in a patch list does not match its $setElementOrder list")


def _lists(base: list[Any], patch: list[Any], member: Member) -> list[Any]:
    if member.strategy != "merge":
        return patch
    if not base and not patch:
        return base
    if element_type(base, patch) is not dict:
        return _ordered(without_duplicates(base + patch), patch, base, "")
    if not member.merge_key:
        raise MergeFault("cannot merge lists without merge key")
    kept, plain = _without_directives(base, patch, member.merge_key)
    return _ordered(_joined(list(kept), plain, member), plain, kept, member.merge_key)


def _without_directives(base: list[Any], patch: list[Any], merge_key: str) -> tuple[list[Any], list[Any]]:
    """Carry the directives among a patch's elements out; gives back what is left of both lists."""
    replaces = False
    for each in patch:
        if is_deletion(each):
            gone = key_of(each, merge_key)
            base = [one for one in base if not same(one.get(merge_key), gone)]
        elif _is_directive(each):
            if each[DIRECTIVE] != "replace":
                raise MergeFault(f"unknown patch type in {DIRECTIVE}")
            replaces = True
    plain = [each for each in patch if not _is_directive(each)]
    return (plain, []) if replaces else (base, plain)


def _joined(base: list[Any], patch: list[Any], member: Member) -> list[Any]:
    for each in patch:
        key_of(each, member.merge_key)
        place = next(
            (
                place for place, one in enumerate(base)
                if member.merge_key in one and same(one[member.merge_key], each[member.merge_key])
            ),
            -1,
        )  # fmt: skip
        if place < 0:
            base.append(each)
        else:
            base[place] = overlay(base[place], each, member.node)
    return base


def _ordered(elements: list[Any], order: list[Any], former: list[Any], merge_key: str) -> list[Any]:
    """Put what ``order`` names in its order, and the rest between, where it stood in the former list."""
    named = in_order([each for each in elements if position(order, each, merge_key) >= 0], order, merge_key)
    others = in_order([each for each in elements if position(order, each, merge_key) < 0], former, merge_key)
    result: list[Any] = []
    while others and named:
        left = position(former, others[0], merge_key)
        right = position(former, named[0], merge_key)
        result.append(others.pop(0) if 0 <= left < right else named.pop(0))
    return result + others + named
