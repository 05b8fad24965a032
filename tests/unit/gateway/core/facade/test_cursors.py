"""Change cursors as resource versions."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from fairlead.contracts.identity import parse_version
from fairlead.gateway.core.facade.cursors import CHANGE_LIMIT, NONCE_LIMIT, Cursor, parse_position

cursors = st.builds(Cursor, st.integers(0, NONCE_LIMIT - 1), st.integers(0, CHANGE_LIMIT - 1))


@given(cursors)
def test_a_cursor_survives_its_text(cursor: Cursor) -> None:
    """Whatever account and change, and the text is a version as KEP-5504 has them, above all that an etcd gives out."""
    assert parse_position(str(cursor)) == cursor
    assert parse_version(str(cursor)) > 2**64


@given(cursors, cursors)
def test_cursors_of_an_account_are_ordered_as_its_changes(one: Cursor, other: Cursor) -> None:
    """Clients that compare versions find newer cursors greater."""
    other = Cursor(one.nonce, other.change)
    assert (int(str(one)) < int(str(other))) == (one.change < other.change)


@given(st.integers(0, 2**112))
def test_versions_of_clusters_are_no_cursors(version: int) -> None:
    """A number that an API server gives out stays one."""
    assert parse_position(str(version)) == version


@pytest.mark.parametrize("text", ["", "x", "-1", "01", "1.0", str(2**128), "9" * 500])
def test_what_is_no_version_is_refused(text: str) -> None:
    """Neither cursor nor version."""
    with pytest.raises(ValueError, match="resourceVersion"):
        parse_position(text)
