"""`fairlead accounts token`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.rest_double import RestDouble

from fairlead.cli.app import run

TOKENS = [
    {"name": "prod-1", "kind": "facade", "accounts": ["prod"], "verbs": ["read", "write"]},
    {"name": "wide", "kind": "facade", "accounts": ["p*"], "verbs": ["read"]},
    {"name": "other", "kind": "facade", "accounts": ["test"], "verbs": ["read"]},
    {"name": "ci", "kind": "api", "accounts": ["*"], "verbs": ["read"]},
]


@pytest.fixture
def token(rest: RestDouble, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `fairlead accounts token` against the double and returns the exit code."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def call(*arguments: str) -> int:
        with pytest.raises(SystemExit) as done:
            run(["accounts", "token", *arguments, "--gateway", rest.url])
        return int(done.value.code or 0)

    return call


def test_a_token_replaces_the_one_in_its_file(
    token: Callable[..., int], rest: RestDouble, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Clouddriver reads the file at each call: the new token stands there whole, private, and never on the terminal."""
    rest.answer("POST", "/v1/tokens", {"token": "flt_new"}, 201)
    file = tmp_path / "token"
    file.write_text("flt_old\n")
    assert token("create", "prod eu", "--expires", "90d", "--file", str(file)) == 0
    assert "flt_new" not in capsys.readouterr().out
    assert file.read_text() == "flt_new\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["token"]
    body = rest.requests[0].body
    assert body.pop("name").startswith("prod-eu-")
    assert body == {"kind": "facade", "accounts": ["prod eu"], "verbs": ["read", "write"], "expiresInSeconds": 7776000}


def test_a_token_that_only_reads(
    token: Callable[..., int], rest: RestDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    """Printed once, under the name that was chosen."""
    rest.answer("POST", "/v1/tokens", {"token": "flt_new"}, 201)
    assert token("create", "prod", "--read-only", "--name", "looker") == 0
    assert capsys.readouterr().out == "flt_new\n"
    assert rest.requests[0].body == {"name": "looker", "kind": "facade", "accounts": ["prod"], "verbs": ["read"]}


def test_a_file_that_cannot_be_written(token: Callable[..., int], rest: RestDouble, tmp_path: Path) -> None:
    """The token that nobody has is revoked again."""
    rest.answer("POST", "/v1/tokens", {"token": "flt_new"}, 201)
    rest.answer("DELETE", "/v1/tokens/x", b"", 204)
    (tmp_path / "file").touch()
    assert token("create", "prod", "--name", "x", "--file", str(tmp_path / "file" / "token")) == 1
    assert rest.requests[-1].method == "DELETE"


@pytest.mark.parametrize("account", ["a/b", "..", "prod-*", "line\nend"])
def test_accounts_that_no_token_can_mean(
    token: Callable[..., int], rest: RestDouble, account: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is made for a name that stands in no URL, or that means several accounts."""
    assert token("create", account) == 2
    assert rest.requests == []
    assert "account" in capsys.readouterr().err or account == "prod-*"


def test_tokens_of_an_account(token: Callable[..., int], rest: RestDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """Those that open it, by name or pattern; one is ended here only when it opens nothing else."""
    rest.answer("GET", "/v1/tokens", {"items": TOKENS})
    rest.answer("DELETE", "/v1/tokens/prod-1", b"", 204)
    assert token("list", "prod") == 0
    shown = capsys.readouterr().out
    assert [name for name in ("prod-1", "wide", "other", "ci") if name in shown] == ["prod-1", "wide"]
    assert token("revoke", "prod", "prod-1") == 0
    assert token("revoke", "prod", "wide") == 1
    assert "fairlead tokens revoke wide" in capsys.readouterr().err
    assert token("revoke", "prod", "other") == 1
    assert token("revoke", "prod", "ci") == 1
    assert [each.path for each in rest.requests if each.method == "DELETE"] == ["/v1/tokens/prod-1"]
