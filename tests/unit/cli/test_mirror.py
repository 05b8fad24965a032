"""`fairlead accounts`, `resources` and `objects`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.rest_double import RestDouble

from fairlead.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def said(
    rest: RestDouble, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., list[str]]:
    """Runs a command against the double and returns the lines that it printed."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def call(*arguments: str) -> list[str]:
        with pytest.raises(SystemExit) as done:
            run([*arguments, "--gateway", rest.url])
        assert done.value.code == 0
        return capsys.readouterr().out.splitlines()

    return call


def test_accounts_tell_who_serves_them(said: Callable[..., list[str]], rest: RestDouble) -> None:
    """Connected, not connected, or claimed by a second cluster."""
    cluster = {"uid": "u-1", "server": "10.0.0.1:6443"}
    accounts = [
        {"name": "east", "cluster": cluster, "connected": True},
        {"name": "west", "cluster": cluster, "connected": False},
        {"name": "two", "cluster": cluster, "connected": True, "refused": {"zone": "z"}},
    ]
    rest.answer("GET", "/v1/accounts", {"items": accounts})

    lines = said("accounts")
    assert lines[1].split()[:3] == ["east", "yes", "u-1"]
    assert lines[2].split()[1] == "no"
    assert "another cluster claims the name" in lines[3]


def test_an_account_is_given_to_the_other_cluster(said: Callable[..., list[str]], rest: RestDouble) -> None:
    """Its new address is told; `accounts list` is `accounts`."""
    rest.answer("POST", "/v1/accounts/two/accept", {"name": "two", "cluster": {"server": "10.0.0.2:6443"}})
    rest.answer("GET", "/v1/accounts", {"items": []})

    assert "10.0.0.2:6443" in said("accounts", "accept", "two")[0]
    assert said("accounts", "list") == said("accounts") == ["no accounts yet: is an agent connected?"]


def test_resources_tell_their_state(said: Callable[..., list[str]], rest: RestDouble) -> None:
    """A line for each kind that is watched."""
    rest.answer("GET", "/v1/accounts/east/resources", {"items": [{"resource": "pods", "state": "live", "rows": 3}]})

    assert said("resources", "east")[1].split()[:5] == ["pods", "-", "live", "-", "3"]


def test_objects_are_found_by_kind_or_resource(said: Callable[..., list[str]], rest: RestDouble) -> None:
    """What is no kind is tried as the name of a resource; no more rows than asked for."""
    rest.answer("GET", "/v1/accounts/east/objects", {"detail": "no such kind"}, 404)
    rest.answer("GET", "/v1/accounts/east/objects", {"items": [{"name": f"web-{n}"} for n in range(5)]})

    assert len(said("objects", "east", "deployments.apps", "-n", "shop", "--limit", "2")) == 3
    assert rest.requests[0].query["kind"] == "deployments.apps"
    assert rest.requests[1].query == {"resource": "deployments.apps", "namespace": "shop", "limit": "2"}
