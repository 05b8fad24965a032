"""JSON values compared, ordered and told apart as kubectl does, which is written in Go.

There 1, 1.0 and true are of three types, and what merges is sorted by its text. Duplicates of a key (a port that is
served by TCP and UDP) change places when they are sorted; kubectl's patches show it, so ours do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

DIRECTIVE = "$patch"
RETAIN_KEYS = "$retainKeys"
DELETE_PREFIX = "$deleteFromPrimitiveList/"
ORDER_PREFIX = "$setElementOrder/"


class MergeFault(ValueError):
    """No patch can be computed; the text names fields, never values."""


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in type and content, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def text(value: Any) -> str:
    """What a scalar is sorted by (Go's ``%v``)."""
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def sorted_scalars(values: Iterable[Any]) -> list[Any]:
    """Scalars in the order of their texts."""
    return sorted(values, key=text)


def sorted_objects(objects: list[Any], key: str) -> list[Any]:
    """Objects in the order of a field's text; equal ones are turned round."""
    turned = objects[::-1]
    return sorted(turned, key=lambda each: text(each.get(key)))


def without_duplicates(scalars: list[Any]) -> list[Any]:
    """Each scalar once; the last one takes the place of each duplicate."""
    kept = list(scalars)
    place = 0
    while place < len(kept):
        later = place + 1
        while later < len(kept):
            if same(kept[place], kept[later]):
                last = kept.pop()
                if later < len(kept):
                    kept[later] = last
            else:
                later += 1
        place += 1
    return kept


def element_type(*lists: list[Any]) -> type:
    """The one type that all elements have.

    Raises:
        MergeFault: they have several, or are lists.

    """
    types = {type(each) for elements in lists for each in elements}
    if list in types:
        raise MergeFault("lists of lists cannot be merged")
    if len(types) != 1:
        raise MergeFault("list element types are not identical" if types else "no elements in any of the given lists")
    return types.pop()


def key_of(element: Any, merge_key: str) -> Any:
    """Read an element's merge key.

    Raises:
        MergeFault: it has none.

    """
    if not isinstance(element, dict) or merge_key not in element:
        raise MergeFault(f"an element of a list does not contain its merge key: {merge_key}")
    return element[merge_key]


def position(elements: list[Any], wanted: Any, merge_key: str) -> int:
    """Where the element of the same key (or scalar) stands first; -1 when there is none."""
    for place, each in enumerate(elements):
        if same(key_of(each, merge_key), key_of(wanted, merge_key)) if merge_key else same(each, wanted):
            return place
    return -1


def is_deletion(element: Any) -> bool:
    """Whether an element of a patch deletes the one of its key."""
    return isinstance(element, dict) and bool(element.get(DIRECTIVE) == "delete")


def in_order(elements: list[Any], order: list[Any], merge_key: str) -> list[Any]:
    """Elements in the order in which their keys stand in ``order``; deletions go last."""
    if merge_key:
        for each in (*elements, *order):
            key_of(each, merge_key)
    kept = [each for each in elements if not (merge_key and is_deletion(each))]
    gone = [each for each in elements if merge_key and is_deletion(each)]
    return sorted(kept, key=lambda each: position(order, each, merge_key)) + gone


def without_nulls(value: Any) -> Any:
    """Leave fields out that are null, all the way down; elements of lists stay."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value
