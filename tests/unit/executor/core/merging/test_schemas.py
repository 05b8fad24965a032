"""What OpenAPI documents tell of merging."""

from __future__ import annotations

import pytest
from tests.support.patch_schemas import BOAT, boat, document

from fairlead.executor.core.merging.schemas import TypeName, parse_document
from fairlead.executor.core.merging.values import MergeFault


def test_fields_tell_how_they_merge() -> None:
    """Strategies and keys stand beside a field; references are followed."""
    spec = boat().field("spec").node
    crew, cargo, rig = spec.elements("crew"), spec.elements("cargo"), spec.field("rig")

    assert (crew.strategy, crew.merge_key, crew.retains) == ("merge", "name", False)
    assert (cargo.strategy, cargo.retains) == ("merge", True)
    assert (rig.strategy, rig.retains) == ("", True)
    assert crew.node.elements("knots").strategy == "merge"


def test_version_2_tells_the_same() -> None:
    """The older form has other names for the same."""
    node = parse_document(document(of_v2=True)).node(BOAT)

    assert node is not None
    assert node.field("spec").node.elements("crew").merge_key == "name"


def test_unknown_fields_are_faults_but_anything_may_stand_in_free_ones() -> None:
    """Of a field without a schema nothing is known, however deep."""
    spec = boat().field("spec").node
    assert spec.field("free").node.field("what").node.elements("ever").strategy == ""
    with pytest.raises(MergeFault, match="anchor"):
        spec.field("anchor")


def test_kinds_that_merge_as_json_have_no_schema() -> None:
    """Their documents are not kept."""
    parsed = parse_document(document(accepts="application/merge-patch+json"))

    assert (parsed.node(BOAT), parsed.schemas) == (None, {})
    assert parse_document(document()).node(TypeName("", "v1", "Boat")) is None


def test_broken_documents_are_no_documents() -> None:
    """Neither text nor a reference that leads nowhere."""
    for body in (b"", b"[]", b'{"paths": 1}'):
        with pytest.raises(ValueError, match=r".*"):
            parse_document(body)
    node = parse_document(document().replace(b"schemas/Sailor", b"schemas/Nobody")).node(BOAT)
    assert node is not None
    with pytest.raises(MergeFault, match="does not hold"):
        node.field("spec").node.elements("crew")
