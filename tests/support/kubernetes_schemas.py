"""JSON schemas of one Kubernetes release for kubeconform, made from that release's OpenAPI document (version 2).

The release's own document is the source: an API server's ``/openapi/v2``, or ``api/openapi-spec/swagger.json`` of its sources.
Objects take no field that the document does not name, as in an API server's strict decoding.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]

TEMPLATE = "{{.ResourceKind}}{{.KindSuffix}}.json"
"""kubeconform's name of a schema's file: the kind, the first word of the group, the version, in small letters."""

_REFERENCE = "#/definitions/"
_INT_OR_STRING = "int-or-string"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


@dataclass(frozen=True)
class Finding:
    """What kubeconform says of one object."""

    kind: str
    name: str
    message: str


def write_schemas(openapi: Mapping[str, Any], directory: Path, kinds: Iterable[str]) -> None:
    """Write the schemas of some kinds, in every group and version that has them."""
    wanted = set(kinds)
    definitions = openapi["definitions"]
    for name, definition in definitions.items():
        for served in definition.get("x-kubernetes-group-version-kind", ()):
            if served["kind"] not in wanted:
                continue
            group = served["group"].partition(".")[0]
            suffix = "-".join(part for part in (served["kind"].lower(), group, served["version"]) if part)
            needed = {each: _strict(each, definitions[each]) for each in _closure(name, definitions)}
            schema = {"$ref": _REFERENCE + name, "definitions": needed}
            (directory / f"{suffix}.json").write_text(json.dumps(schema), encoding="utf-8")


def write_custom_schemas(definition: Mapping[str, Any], directory: Path) -> None:
    """Write the schemas of a CustomResourceDefinition, one for each of its versions."""
    kind, group = definition["spec"]["names"]["kind"], definition["spec"]["group"].partition(".")[0]
    for version in definition["spec"]["versions"]:
        schema = _strict_throughout(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        (directory / f"{kind.lower()}-{group}-{version['name']}.json").write_text(json.dumps(schema), encoding="utf-8")


def judge(kubeconform: Path, schemas: Path, manifests: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Ask kubeconform about manifests; returns what is wrong, and nothing when all is well."""
    done = subprocess.run(
        [kubeconform, "-strict", "-output", "json", "-schema-location", schemas / TEMPLATE],
        input=yaml.safe_dump_all(manifests),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout, done.stderr
    resources = json.loads(done.stdout).get("resources", [])
    found = [Finding(each["kind"], each["name"], each["msg"]) for each in resources]
    assert bool(found) == (done.returncode != 0), done.stderr
    return found


def _closure(name: str, definitions: Mapping[str, Schema]) -> set[str]:
    """The names of a definition and of all that it refers to."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += _references(definitions[current])
    return seen


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix(_REFERENCE)
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _strict_throughout(node: Any) -> Any:
    """The same for a schema that refers to nothing."""
    if isinstance(node, list):
        return [_strict_throughout(each) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["string", "number"]}
    strict = {key: _strict_throughout(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        strict["additionalProperties"] = False
    return strict


def _strict(name: str, definition: Schema) -> Schema:
    """A definition that takes no unknown field, and numbers where quantities and ports may be numbers."""
    if definition.get("format") == _INT_OR_STRING or name == _QUANTITY:
        return {"type": ["string", "number"]}
    if "properties" in definition and not definition.get("x-kubernetes-preserve-unknown-fields"):
        return {**definition, "additionalProperties": False}
    return definition
