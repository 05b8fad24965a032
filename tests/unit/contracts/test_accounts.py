"""The path of an account at the gateway."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.contracts.accounts import account_path, unusable

PRINTABLE = st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" ")


@given(st.text(PRINTABLE, min_size=1, max_size=60).filter(lambda name: not unusable(name)))
def test_a_path_leads_back_to_the_name(name: str) -> None:
    """One step below the prefix, which no client takes for something else."""
    path = account_path(name)
    step = path.removeprefix("/accounts/")
    assert unquote(step) == name
    assert step.isascii()
    assert not {"/", "?", "#", " "} & set(step)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "line\nend", "nul\0", "x" * 201, "ä" * 101])
def test_names_that_can_stand_nowhere(name: str) -> None:
    """They are refused with the reason."""
    assert unusable(name)
    with pytest.raises(ValueError, match="account"):
        account_path(name)


@pytest.mark.parametrize("name", ["prod-eu-1", "my account", "ops@east", "käse", "50%", "...", "x" * 200])
def test_names_that_can(name: str) -> None:
    """Also those that look unusual."""
    assert not unusable(name)
