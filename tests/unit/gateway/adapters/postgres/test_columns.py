"""Values as they stand in columns."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from fairlead.gateway.adapters.postgres.columns import decode_ahead, encode_ahead, number, text


@given(st.dictionaries(st.integers(1), st.none() | st.integers(0, 2**128)))
def test_parts_behind_a_hole_are_read_back(ahead: dict[int, int | None]) -> None:
    """Checkpoints of 128 bits and none at all."""
    assert decode_ahead(encode_ahead(ahead)) == ahead


def test_versions_are_numbers_of_any_size() -> None:
    """Or none."""
    assert number(text(2**128)) == 2**128
    assert number(text(None)) is None
