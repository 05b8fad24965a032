"""The schemas of the built-in kinds, parsed from `kubernetes.txt`, and those of custom ones, from their definitions.

A schema is a JSON object in the dialect of OpenAPI v3 with Kubernetes' extensions; references read
`#/components/schemas/<name>`.
"""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairlead.simcluster.resources import Resource

Schema = dict[str, Any]

REFERENCE: Final = "#/components/schemas/"
META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1"
OPEN: Final = "x-kubernetes-preserve-unknown-fields"
KINDS: Final = "x-kubernetes-group-version-kind"
OBJECT_META: Final = f"{META}.ObjectMeta"

SCALARS: Final[dict[str, Schema]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "number": {"type": "number", "format": "double"},
    "bytes": {"type": "string", "format": "byte"},
    "time": {"type": "string", "format": "date-time"},
    "microtime": {"type": "string", "format": "date-time"},
    "quantity": {"oneOf": [{"type": "string"}, {"type": "number"}], "format": "quantity"},
    "intstr": {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"},
    "object": {"type": "object", OPEN: True},
    "any": {OPEN: True},
}
# `io.k8s.api.<package>.<version>` by the group it serves, where the two names differ.
PACKAGES: Final = {
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions": "apiextensions.k8s.io",
    "io.k8s.kube-aggregator.pkg.apis.apiregistration": "apiregistration.k8s.io",
    "io.k8s.api.core": "",
}
SHORT_GROUPS: Final = frozenset({"apps", "autoscaling", "batch", "policy"})

_CODE = re.compile(r"(\[\+?(?P<keys>[^\]?]*)(?P<apply>\??)\]|(?P<map>\{~?\}))?(?P<retain>\+?)(?P<type>\w+)")


def reference(name: str) -> str:
    """The text of a `$ref`."""
    return REFERENCE + name


@functools.cache
def built_in() -> dict[str, Schema]:
    """The definitions of the built-in types by their full names."""
    text = resources.files(__package__).joinpath("kubernetes.txt").read_text(encoding="utf-8")
    lines = list(_lines(text))
    packages = {f"{package}.{head.strip('*~')}": package for package, head, _ in lines}
    return {
        f"{package}.{head.strip('*~')}": _definition(package, head, fields, packages) for package, head, fields in lines
    }


def _lines(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Package, head and fields of each type."""
    package = ""
    for line in re.sub(r"\n +", " ", re.sub(r"(?m)^#.*\n", "", text)).split("\n"):
        if line.startswith("["):
            package = line.strip("[]")
        elif line:
            head, *fields = line.split()
            yield package, head, fields


def _definition(package: str, head: str, fields: list[str], packages: dict[str, str]) -> Schema:
    required, properties = [], {}
    if head.startswith("*"):
        properties = {"apiVersion": SCALARS["string"], "kind": SCALARS["string"]}
        properties["metadata"] = {"$ref": reference(OBJECT_META)}
    for field in fields:
        name, _, code = field.rstrip("!").partition(":")
        properties[name] = _field(package, code or "string", packages)
        if field.endswith("!"):
            required.append(name)
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    if head.endswith("~"):
        schema["x-kubernetes-map-type"] = "atomic"
    if head.startswith("*"):
        kind = {"group": group_of(package), "version": package.rpartition(".")[2], "kind": head[1:]}
        schema[KINDS] = [kind]
    return schema


def group_of(package: str) -> str:
    """The API group of a package of types."""
    name = package.rpartition(".")[0]
    if name in PACKAGES:
        return PACKAGES[name]
    last = name.rpartition(".")[2]
    if last in SHORT_GROUPS:
        return last
    return "rbac.authorization.k8s.io" if last == "rbac" else f"{last}.k8s.io"


def _field(package: str, code: str, packages: dict[str, str]) -> Schema:
    parts = _CODE.fullmatch(code)
    if parts is None:
        raise ValueError(code)
    item = _type(package, parts["type"], packages)
    if parts["retain"]:
        return {"allOf": [item], "x-kubernetes-patch-strategy": "retainKeys"}
    if parts["map"]:
        atomic = {"x-kubernetes-map-type": "atomic"} if "~" in parts["map"] else {}
        return {"type": "object", "additionalProperties": item, **atomic}
    if parts["keys"] is None:
        return item
    schema: Schema = {"type": "array", "items": item, "x-kubernetes-list-type": "atomic"}
    keys = parts["keys"].split(",") if parts["keys"] not in ("", "=") else []
    if keys or parts["keys"] == "=":
        schema["x-kubernetes-list-type"] = "map" if keys else "set"
        if not parts["apply"]:
            schema["x-kubernetes-patch-strategy"] = "merge,retainKeys" if code.startswith("[+") else "merge"
    if keys:
        schema["x-kubernetes-list-map-keys"] = keys
    if keys and not parts["apply"]:
        schema["x-kubernetes-patch-merge-key"] = keys[0]
    return schema


def _type(package: str, name: str, packages: dict[str, str]) -> Schema:
    if name in SCALARS:
        return SCALARS[name]
    own = f"{package}.{name}"
    full = own if own in packages else next(full for full in packages if full.rpartition(".")[2] == name)
    return {"$ref": reference(full)}


@functools.cache
def _kinds() -> dict[tuple[str, str, str], str]:
    return {
        (kind["group"], kind["version"], kind["kind"]): name
        for name, schema in built_in().items()
        for kind in schema.get(KINDS, ())
    }


def name_of(resource: Resource) -> str:
    """The name of a resource's definition; that of a custom one begins with its group turned round."""
    if not resource.custom:
        return _kinds()[resource.group, resource.version, resource.kind]
    return ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])


def schema_of(resource: Resource) -> Schema:
    """The schema of a resource's objects."""
    if not resource.custom:
        return built_in()[name_of(resource)]
    schema = {"type": "object", **(resource.schema or {OPEN: True})}
    properties = {"apiVersion": SCALARS["string"], "kind": SCALARS["string"], **schema.get("properties", {})}
    properties["metadata"] = {"$ref": reference(OBJECT_META)}
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    return {**schema, "properties": properties, KINDS: [kind]}


@functools.cache
def _targets() -> dict[str, Schema]:
    return {reference(name): schema for name, schema in built_in().items()}


def resolved(schema: Schema) -> Schema:
    """A schema with its outermost reference followed."""
    if "$ref" in schema:
        return _targets()[schema["$ref"]]
    return resolved(schema["allOf"][0]) if "allOf" in schema and "type" not in schema else schema
