"""How objects merge: the part of an OpenAPI document, v3 or v2, that patches are made from.

``x-kubernetes-patch-strategy`` and ``x-kubernetes-patch-merge-key`` stand beside a property. A kind can be merged
strategically when its PATCH takes that content type, which those of custom resources do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from fairlead.executor.core.merging.values import MergeFault

STRATEGIC = "application/strategic-merge-patch+json"


class TypeName(msgspec.Struct, frozen=True):
    """Group, version and kind as OpenAPI documents tell them."""

    group: str = ""
    version: str = ""
    kind: str = ""


class Schema(msgspec.Struct):
    """One schema, as far as patches depend on it."""

    ref: str = msgspec.field(default="", name="$ref")
    all_of: list[Schema] = msgspec.field(default_factory=list, name="allOf")
    type: str | list[str] = ""
    properties: dict[str, Schema] = {}
    items: Schema | None = None
    default: Any = None
    strategy: str = msgspec.field(default="", name="x-kubernetes-patch-strategy")
    merge_key: str = msgspec.field(default="", name="x-kubernetes-patch-merge-key")
    types: list[TypeName] = msgspec.field(default_factory=list, name="x-kubernetes-group-version-kind")


class _Body(msgspec.Struct):
    content: dict[str, msgspec.Raw] = {}


class _Patch(msgspec.Struct, rename="camel"):
    consumes: list[str] = []
    request_body: _Body = msgspec.field(default_factory=_Body)
    type: TypeName | None = msgspec.field(default=None, name="x-kubernetes-group-version-kind")


class _Path(msgspec.Struct):
    patch: _Patch | None = None


class _Components(msgspec.Struct):
    schemas: dict[str, Schema] = {}


class _OpenApi(msgspec.Struct):
    paths: dict[str, _Path] = {}
    components: _Components = msgspec.field(default_factory=_Components)
    definitions: dict[str, Schema] = {}


_decode = msgspec.json.Decoder(_OpenApi).decode


class Member(NamedTuple):
    """What is known of a field: how its values look, and how they merge."""

    node: Node
    strategy: str
    """``merge``, ``replace`` or empty."""
    retains: bool
    """Whether a patch names all keys that stay (a union, such as a volume's source)."""
    merge_key: str


@dataclass(frozen=True)
class Document:
    """An OpenAPI document; of kinds that cannot be merged strategically it holds nothing."""

    schemas: dict[str, Schema]
    strategic: frozenset[TypeName]

    @cached_property
    def _names(self) -> dict[TypeName, str]:
        return {type_: name for name, schema in self.schemas.items() for type_ in schema.types}

    def node(self, type_: TypeName) -> Node | None:
        """The schema of a kind; None when it is not known or not merged strategically."""
        if type_ not in self.strategic or type_ not in self._names:
            return None
        return Node(self, self.schemas[self._names[type_]])

    def resolved(self, schema: Schema) -> Schema:
        """Follow a schema's reference.

        Raises:
            MergeFault: it leads nowhere.

        """
        named = schema.all_of[0] if schema.all_of else schema
        if not named.ref:
            return named
        target = self.schemas.get(named.ref.rpartition("/")[2])
        if target is None:
            raise MergeFault("the OpenAPI document refers to a schema that it does not hold")
        return target


def parse_document(body: bytes) -> Document:
    """Read an OpenAPI document, v3 of one group version or v2 of all.

    Raises:
        ValueError: it is none.

    """
    read = _decode(body)
    patches = [path.patch for path in read.paths.values() if path.patch is not None]
    strategic = frozenset(
        patch.type
        for patch in patches
        if patch.type is not None and (STRATEGIC in patch.consumes or STRATEGIC in patch.request_body.content)
    )
    schemas = {**read.definitions, **read.components.schemas}
    return Document(schemas if strategic else {}, strategic)


@dataclass(frozen=True, slots=True)
class Node:
    """A schema within its document; without one anything may stand there."""

    document: Document
    schema: Schema | None

    def field(self, key: str) -> Member:
        """Look a field of an object up that holds objects.

        Raises:
            MergeFault: there is no such field.

        """
        return self._member(key, elements=False)

    def elements(self, key: str) -> Member:
        """Look a field up that holds a list; its node is that of the elements; raises as `field`."""
        return self._member(key, elements=True)

    def _member(self, key: str, *, elements: bool) -> Member:
        if self.schema is None or not (self.schema.properties or self.schema.type):
            return Member(Node(self.document, None), "", retains=False, merge_key="")
        found = self.schema.properties.get(key)
        if found is None:
            raise MergeFault(f'unable to find api field "{key}"')
        strategies = found.strategy.split(",") if found.strategy else []
        others = [each for each in strategies if each != "retainKeys"]
        if len(others) > 1:
            raise MergeFault(f'unexpected patch strategy of the field "{key}"')
        inner = found.items if elements and found.items is not None else found
        node = Node(self.document, self.document.resolved(inner))
        return Member(node, others[0] if others else "", "retainKeys" in strategies, found.merge_key)
