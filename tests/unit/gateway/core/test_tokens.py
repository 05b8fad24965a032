"""Credentials and what they grant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fairlead.gateway.core.tokens import (
    Grant,
    Kind,
    bearer,
    digest,
    find_by_names,
    find_by_token,
    make_token,
    matches,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("prod-*", "prod-eu", True),
        ("prod-*", "prod", False),
        ("prod-?", "prod-1", True),
        ("prod-?", "prod-10", False),
        ("*", "", True),
        ("a.b", "axb", False),
        ("[ab]", "a", False),
        ("prod", "prod\n", False),
    ],
)
def test_patterns(pattern: str, text: str, fits: bool) -> None:
    """Only the star and the question mark mean something; the whole text counts."""
    assert matches(pattern, text) is fits


def test_tokens_are_found_by_their_text_alone() -> None:
    """The right text at the right door within its time finds the grant; nothing else does."""
    token = make_token()
    assert token != make_token()
    grant = Grant("a", Kind.AGENT, ("*",), digest=digest(token), expires=NOW + timedelta(hours=1))
    grants = {grant.digest: grant}
    assert find_by_token(grants, token, Kind.AGENT, NOW) is grant
    assert find_by_token(grants, token, Kind.API, NOW) is None
    assert find_by_token(grants, token, Kind.FACADE, NOW) is None
    assert find_by_token(grants, token + "x", Kind.AGENT, NOW) is None
    assert find_by_token(grants, token, Kind.AGENT, NOW + timedelta(hours=1)) is None
    assert find_by_token({digest(token): Grant("b", Kind.AGENT, ("*",), digest=b"")}, token, Kind.AGENT, NOW) is None


def test_certificates_are_found_by_any_of_their_names() -> None:
    """A pattern for the names of a certificate finds it; grants of tokens never do."""
    named = Grant("a", Kind.AGENT, ("*",), certificate="agent-*.example.com")
    grants = [Grant("token", Kind.AGENT, ("*",), digest=b"d"), named]
    assert find_by_names(grants, ["x", "agent-1.example.com"], NOW) is named
    assert find_by_names(grants, ["", "agent-1.example.org"], NOW) is None
    assert find_by_names(grants, [], NOW) is None


@pytest.mark.parametrize(
    ("header", "token"), [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", ""), ("Bearer", ""), ("", "")]
)
def test_bearer(header: str, token: str) -> None:
    """Only the scheme Bearer carries a token; its case does not matter (RFC 9110)."""
    assert bearer(header) == token


def test_grants_cover_accounts() -> None:
    """A grant covers what any of its patterns fits."""
    grant = Grant("a", Kind.AGENT, ("shop", "prod-*"))
    assert [grant.allows(name) for name in ("shop", "prod-1", "shop-2")] == [True, True, False]
