"""Kubernetes' protobuf as far as it is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.kubernetes_protobuf import envelope, put, varint

from fairlead.gateway.core.facade.protobuf import MalformedProtobuf, fields, open_envelope, text


def test_an_envelope_opens() -> None:
    """Kind and message come out."""
    found = open_envelope(envelope("Pod", put(1, "inner")))
    assert found.kind == "Pod"
    assert fields(found.message) == {1: [b"inner"]}


def test_fields_of_every_wire_type() -> None:
    """Numbers, texts, repeated ones, and the fixed sizes."""
    data = put(1, 300) + put(2, "a") + put(2, "b") + varint(3 << 3 | 1) + bytes(8) + varint(4 << 3 | 5) + bytes(4)
    assert fields(data) == {1: [300], 2: [b"a", b"b"], 3: [bytes(8)], 4: [bytes(4)]}
    assert text(fields(data), 2) == "b"
    assert text(fields(data), 9) == ""


@given(st.binary(max_size=200))
def test_noise_is_refused_or_read(data: bytes) -> None:
    """Never anything but fields or the one error."""
    for read in (fields, open_envelope):
        try:
            read(data)
        except MalformedProtobuf:
            continue


@pytest.mark.parametrize(
    "data", [put(2, "text")[:-1], b"\xff" * 11, b"\x80", varint(1 << 3 | 3), varint(1 << 3 | 1) + b"1"]
)
def test_broken_messages(data: bytes) -> None:
    """Cut-off fields, endless numbers and unknown wire types."""
    with pytest.raises(MalformedProtobuf):
        fields(data)


def test_other_bytes_are_no_envelope() -> None:
    """The magic bytes decide; texts must be UTF-8."""
    with pytest.raises(MalformedProtobuf):
        open_envelope(b'{"kind":"Pod"}')
    with pytest.raises(MalformedProtobuf):
        text({1: [b"\xff"]}, 1)
