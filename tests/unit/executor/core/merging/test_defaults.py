"""Defaults from the schema."""

from __future__ import annotations

from tests.support.patch_schemas import boat

from fairlead.executor.core.merging.defaults import with_defaults


def test_scalar_defaults_are_filled_in_where_objects_are() -> None:
    """What the manifest says goes before; empty defaults and whole objects are not made."""
    manifest = {"kind": "Boat", "spec": {"crew": [{"name": "ann"}, {"name": "bob", "rank": "cook"}]}}

    assert with_defaults(manifest, boat()) == {
        "kind": "Boat", "spec": {"crew": [{"name": "ann", "rank": "mate"}, {"name": "bob", "rank": "cook"}]},
    }  # fmt: skip
    assert manifest["spec"] == {"crew": [{"name": "ann"}, {"name": "bob", "rank": "cook"}]}
