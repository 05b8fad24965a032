"""`fairlead nats-config`: configuration that nats-server can take as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fairlead.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path


def output_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command and return what it printed."""
    with pytest.raises(SystemExit) as done:
        run(["nats-config", *arguments])
    assert done.value.code == 0
    return capsys.readouterr().out


def test_passwords_come_from_the_environment_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing secret is printed."""
    said = output_of(capsys)

    assert "password: $FAIRLEAD_PASSWORD_SCRUBBER" in said
    assert "jetstream {" in said
    assert "jetstream {" not in output_of(capsys, "--users")


def test_password_files_are_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing ones are made up, private, and the same the next time."""
    first = output_of(capsys, "--passwords", str(tmp_path))
    second = output_of(capsys, "--passwords", str(tmp_path))
    password = (tmp_path / "watcher.password").read_text().strip()

    assert first == second
    assert f'password: "{password}"' in first
    assert (tmp_path / "watcher.password").stat().st_mode & 0o777 == 0o600
