"""The command line against a real gateway, its agent and a cluster."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.support.polling import wait_until

from fairlead.cli.app import run
from fairlead.cli.stack import SimulatedCluster, Stack

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

MANIFEST = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"namespace": "storefront", "name": "tides"},
    "data": {"high": "12:00"},
}


class CommandLine:
    """Runs commands in this process and keeps what they said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = ""
        self.err = ""

    def __call__(self, *words: str) -> int:
        """Run one command and return its exit code."""
        with pytest.raises(SystemExit) as done:
            run(list(words))
        self.out, self.err = self._capsys.readouterr()
        return int(done.value.code or 0)


@pytest.fixture
def stack(new_stack: Callable[..., Stack]) -> Stack:
    """A stack with a one-process agent."""
    stack = new_stack(one_process=True)
    stack.start_all()
    return stack


@pytest.fixture
def fairlead(
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> CommandLine:
    """The command line with a token that it made for itself, on a stack whose mirror has begun."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("FAIRLEAD_GATEWAY", stack.addresses.api)
    monkeypatch.setenv("FAIRLEAD_CA_FILE", str(stack.files.ca))
    line = CommandLine(capsys)
    words = ["--kind", "api", "-a", "*", "--verb", "read", "--verb", "write"]
    file = tmp_path / "token"
    assert line("tokens", "create", "ci", *words, "--file", str(file), "--token-file", str(stack.files.api_token)) == 0
    monkeypatch.setenv("FAIRLEAD_TOKEN_FILE", str(file))
    wait_until(lambda: line("objects", "shop", "Namespace") == 0 and "storefront" in line.out, what="the mirror")
    return line


def test_an_object_is_made_changed_read_and_removed(fairlead: CommandLine, tmp_path: Path) -> None:
    """Each command does what it says, and the mirror follows."""
    file = tmp_path / "tides.yaml"
    file.write_text(yaml.safe_dump(MANIFEST))

    assert fairlead("ops", "apply", "-f", str(file)) == 0, fairlead.err
    assert "succeeded" in fairlead.out
    assert fairlead("ops", "patch", "ConfigMap", "tides", "-n", "storefront", "-p", "data: {low: '18:00'}") == 0
    assert fairlead("ops", "get", "ConfigMap", "tides", "-n", "storefront", "-o", "yaml") == 0, fairlead.err
    assert yaml.safe_load(fairlead.out)["data"] == {"high": "12:00", "low": "18:00"}
    assert fairlead("ops", "delete", "ConfigMap", "tides", "-n", "storefront") == 0, fairlead.err
    assert fairlead("ops", "scale", "Deployment", "web", "-n", "storefront", "--replicas", "1") == 0, fairlead.err
    wait_until(
        lambda: (
            fairlead("objects", "shop", "Deployment", "-n", "storefront", "--name", "web", "-o", "json") == 0
            and json.loads(fairlead.out)["items"][0]["object"]["spec"]["replicas"] == 1
        ),
        what="the row of the scaled Deployment",
    )
    assert fairlead("ops", "list", "Deployment", "-n", "storefront") == 0, fairlead.err
    assert "web" in fairlead.out
    assert fairlead("ops", "history") == 0
    assert fairlead.out.count("succeeded") == 6


def test_refusals_are_told_whole(fairlead: CommandLine, tmp_path: Path) -> None:
    """The API server's own message and exit code 1; misuse is 2."""
    file = tmp_path / "namespace.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "storefront"}}))

    assert fairlead("ops", "create", "-f", str(file)) == 1
    assert 'namespaces "storefront" already exists' in fairlead.err
    assert fairlead("ops", "get", "Deployment", "nobody", "-n", "storefront") == 1
    assert "not found" in fairlead.err
    assert fairlead("ops", "get", "Boat", "nobody") == 1
    assert "Boat" in fairlead.err
    assert fairlead("ops", "status", "01JQ8Z0000000000000000000A") == 1
    assert "no such operation" in fairlead.err
    assert fairlead("tokens", "list") == 1
    assert "admin" in fairlead.err
    assert fairlead("accounts", "--token", "flt_guess") == 1
    assert "--token-file" in fairlead.err
    file.write_text("[]")
    assert fairlead("ops", "create", "-f", str(file)) == 2
    assert "no Kubernetes object" in fairlead.err


def test_the_mirror_is_shown(fairlead: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accounts, kinds and objects; an untrusted certificate is told with what to do."""
    assert fairlead("accounts") == 0
    assert fairlead.out.splitlines()[1].split()[:2] == ["shop", "yes"]
    wait_until(lambda: fairlead("resources", "shop") == 0 and fairlead.out.count("live") >= 12, what="all kinds")
    assert fairlead("objects", "shop", "deployments.apps", "-l", "app.kubernetes.io/name=web") == 0
    assert len(fairlead.out.splitlines()) == 2
    assert fairlead("objects", "shop", "Boat") == 1
    monkeypatch.delenv("FAIRLEAD_CA_FILE")
    assert fairlead("accounts") == 1
    assert "--ca-file" in fairlead.err


def test_a_second_cluster_under_a_taken_name(fairlead: CommandLine, stack: Stack, cluster: SimulatedCluster) -> None:
    """It is refused visibly, and nothing of the first one is lost, until somebody gives it the name."""
    cluster.kill()
    cluster.start()  # it holds its objects in memory, so it is another cluster now
    stack.restart("agent")
    wait_until(
        lambda: fairlead("accounts") == 0 and "another cluster claims the name" in fairlead.out, what="a refusal"
    )
    assert fairlead("objects", "shop", "Namespace") == 0
    assert "storefront" in fairlead.out
    assert fairlead("accounts", "accept", "shop") == 1
    assert "admin" in fairlead.err
    admin = ("--token-file", str(stack.files.api_token))
    assert fairlead("accounts", "accept", "shop", *admin) == 0, fairlead.err
    assert fairlead("accounts", "accept", "shop", *admin) == 1
    stack.restart("agent")
    wait_until(lambda: fairlead("resources", "shop") == 0 and fairlead.out.count("live") >= 12, what="its kinds")
    assert fairlead("accounts") == 0
    assert fairlead.out.splitlines()[1].split()[:2] == ["shop", "yes"]
