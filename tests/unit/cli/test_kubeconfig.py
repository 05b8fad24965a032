"""`fairlead kubeconfig`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.rest_double import RestDouble

from fairlead.cli.app import run
from fairlead.cli.kubeconfig import render


@pytest.fixture
def kubeconfig(rest: RestDouble, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `fairlead kubeconfig` against the double and returns the exit code."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    rest.answer("POST", "/v1/tokens", {"token": "flt_new"}, 201)

    def call(*arguments: str) -> int:
        with pytest.raises(SystemExit) as done:
            run(["kubeconfig", *arguments, "--gateway", rest.url])
        return int(done.value.code or 0)

    return call


def _parts(text: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Cluster, user and context of the current context."""
    document = yaml.safe_load(text)
    (context,) = [each["context"] for each in document["contexts"] if each["name"] == document["current-context"]]
    (cluster,) = [each["cluster"] for each in document["clusters"] if each["name"] == context["cluster"]]
    (user,) = [each["user"] for each in document["users"] if each["name"] == context["user"]]
    return cluster, user, context


def test_a_new_token_stands_in_it(kubeconfig: Callable[..., int], rest: RestDouble, tmp_path: Path) -> None:
    """The server is the gateway, as the caller reached it; the file is private."""
    rest.answer("GET", "/v1/accounts/prod%20eu", {"name": "prod eu", "facadeUrl": None})
    file = tmp_path / "config"
    assert kubeconfig("prod eu", "--read-only", "-n", "shop", "--output", str(file)) == 0
    cluster, user, context = _parts(file.read_text())
    assert cluster == {"server": f"{rest.url}/accounts/prod%20eu"}
    assert user == {"token": "flt_new"}
    assert context == {"cluster": "prod eu", "user": "prod eu", "namespace": "shop"}
    assert file.stat().st_mode & 0o777 == 0o600
    assert rest.requests[-1].body["verbs"] == ["read"]


def test_a_file_with_a_token_is_named(
    kubeconfig: Callable[..., int], rest: RestDouble, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its whole path, with no token made; the address is the one that the gateway was told."""
    rest.answer("GET", "/v1/accounts/prod", {"name": "prod", "facadeUrl": "https://fairlead.example.com"})
    assert kubeconfig("prod", "--facade-token-file", "secrets/token") == 0
    cluster, user, _ = _parts(capsys.readouterr().out)
    assert cluster["server"] == "https://fairlead.example.com/accounts/prod"
    assert user == {"tokenFile": str(Path("secrets/token").absolute())}
    assert [each.method for each in rest.requests] == ["GET"]
    assert kubeconfig("prod", "--facade-token-file", "t", "--output", str(tmp_path / "config")) == 0
    assert (tmp_path / "config").is_file()
    assert kubeconfig("prod", "--facade-token-file", "t", "--read-only") == 2


def test_no_token_is_left_behind(kubeconfig: Callable[..., int], rest: RestDouble, tmp_path: Path) -> None:
    """An unknown account costs no token, and a file that cannot be written costs one for a moment."""
    assert kubeconfig("prod") == 1
    assert kubeconfig("a/b") == 2
    assert [each.method for each in rest.requests] == ["GET"]
    rest.answer("GET", "/v1/accounts/prod", {"name": "prod"})
    rest.answer("DELETE", "/v1/tokens/x", b"", 204)
    (tmp_path / "file").touch()
    assert kubeconfig("prod", "--name", "x", "--output", str(tmp_path / "file" / "config")) == 1
    assert rest.requests[-1].path == "/v1/tokens/x"


def test_the_authority_stands_in_it(tmp_path: Path) -> None:
    """Inline, so that the file can be handed on."""
    authority = tmp_path / "ca.crt"
    authority.write_bytes(b"PEM")
    cluster, user, context = _parts(render("prod", "https://host/accounts/prod", {"token": "t"}, authority))
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"PEM"
    assert (user, context) == ({"token": "t"}, {"cluster": "prod", "user": "prod"})
