"""Resources and versions."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.contracts.identity import Resource, parse_version

PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)


@given(st.integers(0, 2**128 - 1))
def test_versions_compare_as_numbers(version: int) -> None:
    """A version of up to 128 bits is the number that it writes."""
    assert parse_version(str(version)) == version


@given(st.integers(2**128, 2**140) | st.integers(10**4400, 10**4400 + 9))
def test_longer_versions_are_refused(version: int) -> None:
    """More than 128 bits are refused, however many."""
    # Built by hand: Python itself refuses to write numbers of thousands of digits.
    text = "1" * 5000 if version >= 10**4400 else str(version)
    with pytest.raises(ValueError, match="more than 128 bits"):
        parse_version(text)


@pytest.mark.parametrize("text", ["", "007", "-1", "+1", " 1", "1 ", "1_000", "1.0", "0x1", "²", "\u0661", "secret"])
def test_other_forms_are_refused(text: str) -> None:
    """Only plain decimal digits without leading zeros are a version; the text is not repeated."""
    with pytest.raises(ValueError, match="not a decimal number") as caught:
        parse_version(text)

    assert "secret" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_a_version_or_refused(text: str) -> None:
    """Nothing but ValueError is raised, and what is taken reads back the same."""
    with contextlib.suppress(ValueError):
        assert str(parse_version(text)) == text


def test_names() -> None:
    """Core resources have no group in their names."""
    assert (PODS.name, PODS.api_version) == ("pods", "v1")
    assert (DEPLOYMENTS.name, DEPLOYMENTS.api_version) == ("deployments.apps", "apps/v1")


def test_paths() -> None:
    """Paths are those of the API server: all namespaces, one namespace, one object."""
    assert PODS.path() == "/api/v1/pods"
    assert PODS.path("web", "cart") == "/api/v1/namespaces/web/pods/cart"
    assert DEPLOYMENTS.path("web") == "/apis/apps/v1/namespaces/web/deployments"
