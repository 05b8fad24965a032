"""Facts taken from bodies, which come from clusters and may be anything."""

from __future__ import annotations

from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
from hypothesis import given

from fairlead.gateway.core.contents import NO_FACTS, Facts, read_facts


def test_facts_are_read_from_the_metadata() -> None:
    """Labels, time of creation and owners; everything else is passed over."""
    body = (
        b'{"kind":"Pod","metadata":{"name":"x","labels":{"a":"b"},"creationTimestamp":"2024-05-01T10:00:00Z",'
        b'"ownerReferences":[{"kind":"ReplicaSet","uid":"o1"},{"name":"no uid"}]},"spec":{"metadata":{"labels":{"c":"d"}}}}'
    )
    assert read_facts(body) == Facts({"a": "b"}, datetime(2024, 5, 1, 10, tzinfo=UTC), ("o1",))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"no json",
        b'{"metadata":3}',
        b'{"metadata":{"labels":{"a":1}}}',
        b'{"metadata":{"labels":null}}',
    ],
)
def test_what_is_no_object_has_no_facts(body: bytes) -> None:
    """The row stands all the same."""
    assert read_facts(body) == NO_FACTS


def test_what_postgresql_cannot_hold_is_left_out() -> None:
    """NUL characters in labels."""
    assert read_facts(b'{"metadata":{"labels":{"a":"x\\u0000","b":"y","\\u0000":"z"}}}').labels == {"b": "y"}


@given(st.binary(max_size=200))
def test_no_bytes_break_it(body: bytes) -> None:
    """Whatever a cluster sends."""
    read_facts(body)
