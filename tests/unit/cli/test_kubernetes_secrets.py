"""`fairlead kubernetes-secrets`: each service gets its own files and no others."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from fairlead.cli.app import run
from fairlead.cli.prepare import Installation, prepare

if TYPE_CHECKING:
    from pathlib import Path


def printed(directory: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, dict[str, Any]]:
    """What the command prints, by name."""
    with pytest.raises(SystemExit) as ended:
        run(["kubernetes-secrets", str(directory), *options])
    assert ended.value.code == 0
    return {each["metadata"]["name"]: each for each in yaml.safe_load_all(capsys.readouterr().out)}


def test_each_service_gets_its_own_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No service but its owner sees a password or a token; nobody gets the authority's key."""
    prepare(Installation(tmp_path), datetime(2026, 5, 4, tzinfo=UTC))
    made = printed(tmp_path, capsys)

    authority = (tmp_path / "ca.key").read_bytes()
    holders: dict[bytes, set[str]] = {}
    for name, secret in made.items():
        for value in secret["data"].values() if secret["kind"] == "Secret" else ():
            holders.setdefault(b64decode(value), set()).add(name)
    assert authority not in holders
    for service in ("watcher", "scrubber", "executor", "bridge"):
        assert holders[(tmp_path / f"{service}.password").read_bytes()] == {f"fairlead-{service}"}
    assert holders[(tmp_path / "agent.token").read_bytes()] == {"fairlead-bridge", "fairlead-gateway"}
    assert holders[(tmp_path / "postgres.password").read_bytes()] == {"fairlead-postgres"}
    assert made["fairlead-trust"]["data"]["ca.crt"] == (tmp_path / "ca.crt").read_text()


def test_a_side_gets_nothing_of_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An agent's cluster never sees the gateway's keys and database; the gateway's namespace sees nothing of the bus."""
    prepare(Installation(tmp_path), datetime(2026, 5, 4, tzinfo=UTC))
    both = printed(tmp_path, capsys)
    agent = printed(tmp_path, capsys, "--for", "agent")
    gateway = printed(tmp_path, capsys, "--for", "gateway")

    assert gateway.keys() == {"fairlead-gateway", "fairlead-postgres", "fairlead-trust"}
    assert agent.keys() & gateway.keys() == {"fairlead-trust"}
    assert {**agent, **gateway} == both


def test_an_empty_directory_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says what to run."""
    with pytest.raises(SystemExit) as ended:
        run(["kubernetes-secrets", str(tmp_path)])
    assert ended.value.code == 1
    assert "fairlead prepare" in capsys.readouterr().err
