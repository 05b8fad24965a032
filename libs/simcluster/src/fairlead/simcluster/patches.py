"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902) on decoded objects."""

from __future__ import annotations

import copy
from typing import Any

from fairlead.simcluster.errors import bad_request, rejected_patch


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a merge patch; null removes. The target is not changed."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def json_patch(target: Any, operations: Any) -> Any:
    """Apply the operations in order; StatusError 422 when one does not fit. The target is not changed."""
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document = copy.deepcopy(target)
    for operation in operations:
        document = _apply(document, operation)
    return document


def _apply(document: Any, operation: Any) -> Any:
    try:
        name, path = operation["op"], _pointer(operation["path"])
        match name:
            case "add":
                return _add(document, path, copy.deepcopy(operation["value"]))
            case "remove":
                return _remove(document, path)
            case "replace":
                _read(document, path)
                return _set(document, path, copy.deepcopy(operation["value"]))
            case "test":
                if _read(document, path) != operation["value"]:
                    raise rejected_patch()
                return document
            case "copy":
                return _add(document, path, copy.deepcopy(_read(document, _pointer(operation["from"]))))
            case "move":
                source = _pointer(operation["from"])
                value = _read(document, source)
                return _add(_remove(document, source), path, value)
            case _:
                raise rejected_patch()
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise rejected_patch() from error


def _pointer(text: str) -> list[str]:
    if text == "":
        return []
    if not text.startswith("/"):
        raise rejected_patch()
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _index(part: str, *, end: int) -> int:
    index = end if part == "-" else int(part)
    if not 0 <= index <= end:
        raise IndexError(part)
    return index


def _step(container: Any, part: str) -> Any:
    if isinstance(container, list):
        return container[_index(part, end=len(container) - 1)]
    return container[part]


def _read(document: Any, path: list[str]) -> Any:
    for part in path:
        document = _step(document, part)
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    container = _read(document, path[:-1])
    if isinstance(container, list):
        container.insert(_index(path[-1], end=len(container)), value)
    else:
        container[path[-1]] = value
    return document


def _set(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    container = _read(document, path[:-1])
    if isinstance(container, list):
        container[_index(path[-1], end=len(container) - 1)] = value
    else:
        container[path[-1]] = value
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        return None
    container = _read(document, path[:-1])
    if isinstance(container, list):
        del container[_index(path[-1], end=len(container) - 1)]
    else:
        del container[path[-1]]
    return document
