"""`fairlead tokens`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.rest_double import RestDouble

from fairlead.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def tokens(rest: RestDouble, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `fairlead tokens` against the double and returns the exit code."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def call(*arguments: str) -> int:
        with pytest.raises(SystemExit) as done:
            run(["tokens", *arguments, "--gateway", rest.url])
        return int(done.value.code or 0)

    return call


def test_a_token_goes_to_its_file(
    tokens: Callable[..., int], rest: RestDouble, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Private, never on the terminal, and never in place of another file."""
    rest.answer("POST", "/v1/tokens", {"name": "east", "token": "flt_new"}, 201)
    words = ("create", "east", "--kind", "agent", "-a", "east-*", "--expires-in", "90d", "--file", str(tmp_path / "t"))

    assert tokens(*words) == 0
    assert "flt_new" not in capsys.readouterr().out
    assert (tmp_path / "t").read_text() == "flt_new\n"
    assert (tmp_path / "t").stat().st_mode & 0o777 == 0o600
    assert rest.requests[0].body == {
        "name": "east", "kind": "agent", "accounts": ["east-*"], "expiresInSeconds": 7776000,
    }  # fmt: skip
    assert tokens(*words) == 2
    assert len(rest.requests) == 1


def test_a_caller_may_read_unless_told_otherwise(
    tokens: Callable[..., int], rest: RestDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    """The default verb is the least; without a file the token is printed once. Agents have no verbs."""
    rest.answer("POST", "/v1/tokens", {"token": "flt_new"}, 201)

    assert tokens("create", "ci", "--kind", "api", "-a", "*") == 0
    assert rest.requests[0].body["verbs"] == ["read"]
    assert capsys.readouterr().out == "flt_new\n"
    assert tokens("create", "east", "--kind", "agent", "-a", "*", "--verb", "write") == 2


def test_tokens_are_listed_and_revoked(
    tokens: Callable[..., int], rest: RestDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    """A revocation of nothing fails."""
    rest.answer("GET", "/v1/tokens", {"items": [{"name": "ci", "kind": "api", "verbs": ["read"]}]})
    rest.answer("DELETE", "/v1/tokens/ci", b"", 204)

    assert tokens("list") == 0
    assert "ci" in capsys.readouterr().out
    assert tokens("revoke", "ci") == 0
    assert tokens("revoke", "nobody") == 1
