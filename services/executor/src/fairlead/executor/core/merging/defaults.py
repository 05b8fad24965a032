"""Defaults from the cluster's own schema, written into a manifest (`manifestDefaults` of Armory's agent).

Servers up to 1.21 cannot merge lists server-side whose keys have defaults, such as the ``protocol`` of ports, unless
manifests spell them out.
"""

from __future__ import annotations

from typing import Any

from fairlead.executor.core.merging.schemas import Node, Schema


def with_defaults(manifest: dict[str, Any], node: Node) -> dict[str, Any]:
    """Fill in scalar defaults of the objects that a manifest has; none are made anew, and empty defaults say nothing."""
    filled = _filled(manifest, node.schema, node)
    return filled if isinstance(filled, dict) else manifest


def _filled(value: Any, schema: Schema | None, node: Node) -> Any:
    schema = None if schema is None else node.document.resolved(schema)
    if schema is None:
        return value
    if isinstance(value, list):
        return [_filled(each, schema.items, node) for each in value]
    if not isinstance(value, dict):
        return value
    filled = {name: _filled(each, schema.properties.get(name), node) for name, each in value.items()}
    for name, member in schema.properties.items():
        if name not in filled and isinstance(member.default, str | int | float) and member.default:
            filled[name] = member.default
    return filled
