"""The documents at `/openapi/v2` and `/openapi/v3`, made when they are asked for and kept until the registry changes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fairlead.simcluster.openapi import protobuf
from fairlead.simcluster.openapi.schemas import KINDS, OPEN, REFERENCE, Schema, built_in, name_of, schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fairlead.simcluster.resources import Registry, Resource

INFO: Final = {"title": "Kubernetes", "version": "v1.37.1"}
WRITE_PARAMETERS: Final = ("dryRun", "fieldManager", "fieldValidation")
ACTIONS: Final = {
    "get": ("get", ()),
    "put": ("put", WRITE_PARAMETERS),
    "patch": ("patch", (*WRITE_PARAMETERS, "force")),
    "delete": ("delete", ("dryRun", "gracePeriodSeconds", "propagationPolicy")),
}
COLLECTION_ACTIONS: Final = {"get": ("list", ("labelSelector", "fieldSelector")), "post": ("post", WRITE_PARAMETERS)}
# What OpenAPI v2 cannot say.
V3_ONLY: Final = frozenset({"oneOf", "anyOf", "allOf", "not", "nullable"})


@dataclass(frozen=True, slots=True)
class Document:
    """One document and its hash."""

    body: bytes
    hash: str


@dataclass(slots=True)
class Documents:
    """The documents of one registry."""

    registry: Registry
    _made: dict[str, Document] = field(default_factory=dict)
    _generation: int = -1

    def index(self) -> dict[str, Any]:
        """`/openapi/v3`: the group versions with the addresses of their documents."""
        paths = {}
        for path in self._group_versions():
            document = self.v3(path)
            assert document is not None  # noqa: S101 - it was named by the registry
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={document.hash}"}
        return {"paths": paths}

    def v3(self, path: str) -> Document | None:
        """The document of `api/v1` or `apis/<group>/<version>`; None when there is no such group version."""
        pair = self._group_versions().get(path)
        return self._kept(path, lambda: _v3(self.registry.of(*pair))) if pair else None

    def v2(self, *, as_protobuf: bool) -> Document:
        """`/openapi/v2`, of all resources."""
        if as_protobuf:
            return self._kept("v2 protobuf", lambda: protobuf.encode(_v2(self.registry)))
        return self._kept("v2", lambda: msgspec.json.encode(_v2(self.registry)))

    def _group_versions(self) -> dict[str, tuple[str, str]]:
        pairs = [("", "v1"), *((group, v) for group in self.registry.groups() for v in self.registry.versions(group))]
        return {f"apis/{group}/{version}" if group else f"api/{version}": (group, version) for group, version in pairs}

    def _kept(self, key: str, make: Callable[[], bytes]) -> Document:
        if self._generation != self.registry.generation:
            self._made.clear()
            self._generation = self.registry.generation
        if key not in self._made:
            body = make()
            self._made[key] = Document(body, hashlib.sha512(body).hexdigest().upper())
        return self._made[key]


def _v3(resources: list[Resource]) -> bytes:
    schemas = _closure(resources)
    document = {
        "openapi": "3.0.0",
        "info": INFO,
        "paths": _paths(resources),
        "components": {"schemas": dict(sorted(schemas.items()))},
    }
    return msgspec.json.encode(document)


def _v2(resources: Iterable[Resource]) -> dict[str, Any]:
    resources = list(resources)
    paths = _paths(resources)
    for item in paths.values():
        for operation in item.values():
            operation["parameters"] = [
                {"name": each["name"], "in": each["in"], **each["schema"]} for each in operation["parameters"]
            ]
    definitions = {name: _plain(schema) for name, schema in sorted(_closure(resources).items())}
    return {"swagger": "2.0", "info": INFO, "paths": paths, "definitions": definitions}


def _plain(schema: Schema) -> Schema:
    """A schema in the dialect of v2."""
    plain = {name: value for name, value in schema.items() if name not in V3_ONLY}
    if "allOf" in schema:
        plain |= schema["allOf"][0]
    if "$ref" in plain:
        return {**plain, "$ref": plain["$ref"].replace(REFERENCE, "#/definitions/")}
    if "oneOf" in schema or schema.get("x-kubernetes-int-or-string"):
        plain["type"] = "string"
    if schema.get(OPEN):
        plain.pop("properties", None)
    for name in ("items", "additionalProperties"):
        if isinstance(plain.get(name), dict):
            plain[name] = _plain(plain[name])
        elif plain.pop(name, None):
            plain["additionalProperties"] = {}
    if "properties" in plain:
        plain["properties"] = {name: _plain(part) for name, part in plain["properties"].items()}
    return plain


def _closure(resources: Iterable[Resource]) -> dict[str, Schema]:
    """The schemas of these resources and all that they refer to."""
    found: dict[str, Schema] = {}
    waiting = [(name_of(each), schema_of(each)) for each in resources if each.described]
    while waiting:
        name, schema = waiting.pop()
        if name not in found:
            found[name] = schema
            waiting.extend((name, built_in()[name]) for name in _references(schema))
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(REFERENCE)
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def _paths(resources: Iterable[Resource]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for resource in resources:
        if not resource.described:
            continue
        scope = "/namespaces/{namespace}" if resource.namespaced else ""
        root = "/apis" if resource.group else "/api"
        collection = f"{root}/{resource.api_version}{scope}/{resource.plural}"
        paths[collection] = _operations(resource, COLLECTION_ACTIONS)
        paths[collection + "/{name}"] = _operations(resource, ACTIONS)
    return paths


def _operations(resource: Resource, actions: dict[str, Any]) -> dict[str, Any]:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    return {
        method: {
            "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in parameters],
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": action,
            KINDS: kind,
        }
        for method, (action, parameters) in actions.items()
    }
