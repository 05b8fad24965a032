"""The form that a client wants."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from fairlead.gateway.core.facade.formats import Format, Shape, format_of
from fairlead.gateway.core.facade.targets import Verb

JSON = "application/json"
PROTOBUF = "application/vnd.kubernetes.protobuf"
TABLE = f"{JSON};as=Table;v=v1;g=meta.k8s.io"
TABLE_BETA = f"{JSON};as=Table;v=v1beta1;g=meta.k8s.io"
LIST_OF_METADATA = "as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA = "as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


@pytest.mark.parametrize(("accept", "form"), [
    ("", Format()), (JSON, Format()), ("*/*", Format()), ("application/*;q=0.5", Format()),
    (f"{PROTOBUF},{JSON}", Format()), (PROTOBUF, None), ("application/yaml", None), (f"{JSON};q=0", None),
    ("application/cbor, application/json;charset=utf-8", Format()), (f"{JSON};stream=watch", Format()),
    (f"{TABLE},{TABLE_BETA},{JSON}", Format(Shape.TABLE)), (f"{JSON};q=0.9,{TABLE}", Format(Shape.TABLE)),
    (f"{TABLE};q=0.1, {JSON}", Format()),
    (f"{PROTOBUF};{LIST_OF_METADATA},{JSON};{LIST_OF_METADATA},{JSON}", Format(Shape.METADATA)),
    (f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1", Format(Shape.METADATA, "meta.k8s.io/v1beta1")),
    (f"{JSON};{METADATA}", None), (f"{JSON};as=Table;g=other;v=v1", None), (f"{JSON};as=Table;g=meta.k8s.io;v=v2", None),
    (f"{JSON};as=Other;g=meta.k8s.io;v=v1,{JSON}", Format()), (f"{JSON};q=high", Format()), (TABLE_BETA, None),
])  # fmt: skip
def test_the_best_form_that_can_be_written_is_chosen(accept: str, form: Format | None) -> None:
    """As kubectl and client-go ask for lists."""
    assert format_of(accept, Verb.LIST) == form


@pytest.mark.parametrize(("accept", "form"), [
    (f"{JSON};stream=watch;{METADATA}", Format(Shape.METADATA)), (f"{JSON};{LIST_OF_METADATA}", None),
    (f"{TABLE},{JSON}", Format(Shape.TABLE)), ("*/*", Format()),
])  # fmt: skip
def test_a_watch_names_single_objects(accept: str, form: Format | None) -> None:
    """Metadata of a list is no event."""
    assert format_of(accept, Verb.WATCH) == form


@given(st.text())
def test_any_header_can_be_read(accept: str) -> None:
    """A form, or none."""
    assert format_of(accept, Verb.LIST) in (None, Format())
