"""Objects against their schemas: unknown fields, wrong types, and the defaults and rules of custom resources."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.errors import cause
from fairlead.simcluster.openapi.schemas import META, OPEN, REFERENCE, Schema, resolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

JSON_SORTS: Final = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
OPENAPI_SORTS: Final = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
Rule = tuple[str, tuple[type, ...], Callable[[Any, Any], bool], str]
RULES: Final[tuple[Rule, ...]] = (
    ("minimum", (int, float), lambda value, limit: value < limit, "should be greater than or equal to"),
    ("maximum", (int, float), lambda value, limit: value > limit, "should be less than or equal to"),
    ("minLength", (str,), lambda value, limit: len(value) < limit, "should be at least this long:"),
    ("maxLength", (str,), lambda value, limit: len(value) > limit, "may not be longer than"),
    ("minItems", (list,), lambda value, limit: len(value) < limit, "should have at least this many items:"),
    ("maxItems", (list,), lambda value, limit: len(value) > limit, "must have at most this many items:"),
    ("pattern", (str,), lambda value, limit: not _matches(limit, value), "should match"),
)


def _matches(pattern: str, value: str) -> bool:
    """Whether a text matches; a pattern that only Go's syntax knows lets all pass."""
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return True


def prune(schema: Schema, value: Any, path: str = "") -> list[str]:
    """Take the fields that a schema does not know out of a value, in place; their paths."""
    schema, found = resolved(schema), []
    if isinstance(value, list) and "items" in schema:
        for at, item in enumerate(value):
            found.extend(prune(schema["items"], item, f"{path}[{at}]"))
    elif isinstance(value, dict):
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties")
        for name in tuple(value):
            below = f"{path}.{name}" if path else name
            inner = properties.get(name, rest)
            if isinstance(inner, dict):
                if isinstance(value[name], dict | list):
                    found.extend(prune(inner, value[name], below))
            elif not rest and not schema.get(OPEN):
                del value[name]
                found.append(below)
    return found


def fill_defaults(schema: Schema, value: Any) -> None:
    """Give a custom resource the defaults of its schema, in place; a null gives way to a default."""
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            fill_defaults(schema["items"], item)
    elif isinstance(value, dict):
        properties = schema.get("properties", {})
        for name, below in properties.items():
            if "default" in below and value.get(name) is None:
                value[name] = copy.deepcopy(below["default"])
        for name, part in value.items():
            below = properties.get(name, schema.get("additionalProperties"))
            if isinstance(below, dict):
                fill_defaults(below, part)


def faults(schema: Schema, value: Any, path: str = "") -> list[dict[str, str]]:
    """What is wrong with a custom resource: causes of a 422, as k8s.io/apiextensions-apiserver words them."""
    return list(_faults(schema, value, path))


def _faults(schema: Schema, value: Any, path: str) -> Iterator[dict[str, str]]:
    if value is None and (schema.get("nullable") or not path):
        return
    if not _fits(schema, value):
        sort = OPENAPI_SORTS.get(type(value), "null")
        why = f'Invalid value: "{sort}": {path} in body must be of type {schema.get("type")}: "{sort}"'
        yield cause("FieldValueTypeInvalid", path, why)
        return
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(f'"{each}"' for each in schema["enum"])
        yield cause("FieldValueNotSupported", path, f'Unsupported value: "{value}": supported values: {allowed}')
    for name, types, broken, text in RULES:
        if name in schema and isinstance(value, types) and broken(value, schema[name]):
            why = f"Invalid value: {_quoted(value)}: {path} in body {text} {schema[name]}"
            yield cause("FieldValueInvalid", path, why)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for at, item in enumerate(value):
            yield from _faults(schema["items"], item, f"{path}[{at}]")
    elif isinstance(value, dict):
        yield from _object_faults(schema, value, path)


def _object_faults(schema: Schema, value: dict[str, Any], path: str) -> Iterator[dict[str, str]]:
    prefix = f"{path}." if path else ""
    for name in schema.get("required", ()):
        if name not in value:
            yield cause("FieldValueRequired", prefix + name, "Required value")
    for name, part in value.items():
        below = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
        if isinstance(below, dict) and "$ref" not in below:
            yield from _faults(below, part, prefix + name)


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _fits(schema: Schema, value: Any) -> bool:
    """Whether a value is of a schema's type."""
    wanted = schema.get("type", "")
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") in ("quantity", "int-or-string"):
        return isinstance(value, str | int | float) and not isinstance(value, bool)
    if not wanted:
        return True
    sort = OPENAPI_SORTS.get(type(value), "null")
    return sort == wanted or (sort, wanted) == ("integer", "number")


def decoding_error(schema: Schema, value: Any, struct: str, path: str = "") -> str:
    """Why the JSON decoder of the API server would refuse a value of a built-in type; empty when it would not.

    Worded as Go's encoding/json does, which names the innermost struct and a path without indices.
    """
    followed = resolved(schema)
    if value is None or (OPEN in followed and isinstance(value, dict)):
        return ""
    if not _fits(followed, value):
        sort = JSON_SORTS[type(value)]
        return f"json: cannot unmarshal {sort} into Go struct field {struct}.{path} of type {_go_type(schema)}"
    if "$ref" in schema:
        struct = schema["$ref"].rpartition(".")[2]
    below: Iterable[tuple[Schema, Any, str]]
    if isinstance(value, list):
        below = ((followed.get("items", {}), item, path) for item in value)
    elif isinstance(value, dict):
        below = _decoded_fields(followed, value, path)
    else:
        return ""
    return next((why for each, part, where in below if (why := decoding_error(each, part, struct, where))), "")


def _decoded_fields(schema: Schema, value: dict[str, Any], path: str) -> Iterator[tuple[Schema, Any, str]]:
    """Schema, value and path of the fields that need a look: plain ones of the right type need none."""
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties") or {}
    for name, part in value.items():
        below = properties.get(name, rest)
        if isinstance(part, dict | list) or OPENAPI_SORTS.get(type(part)) != below.get("type"):
            yield below, part, (f"{path}.{name}" if path else name) if name in properties else path


def _go_type(schema: Schema) -> str:
    if "allOf" in schema:
        return _go_type(schema["allOf"][0])
    if "$ref" in schema:
        target: str = schema["$ref"]
        return ".".join(target.split(".")[-2:])
    if "items" in schema:
        return f"[]{_go_type(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map[string]{_go_type(schema['additionalProperties'])}"
    kind: str = schema.get("type", "")
    if kind == "integer":
        kind = schema["format"]
    return "bool" if kind == "boolean" else kind


METADATA: Final[Schema] = {"type": "object", "properties": {"metadata": {"$ref": f"{REFERENCE}{META}.ObjectMeta"}}}
"""What is checked of a custom resource as of a built-in one."""
