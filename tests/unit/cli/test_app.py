"""The command line as a whole: honest exit codes and no tracebacks."""

from __future__ import annotations

import pytest
import typer

from fairlead.cli.app import app, run
from fairlead.cli.errors import CommandError, MisuseError
from fairlead.cli.parts.errors import PartMissingError
from fairlead.runtime.errors import ConfigurationError


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (CommandError("it failed"), 1, "fairlead: it failed"),
        (MisuseError("wrong option"), 2, "fairlead: wrong option"),
        (ConfigurationError("a: wrong", "b: missing"), 2, "fairlead: a: wrong; b: missing"),
        (PartMissingError("run `make setup`"), 1, "fairlead: run `make setup`"),
    ],
)
def test_failures_are_one_line_and_a_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int, told: str
) -> None:
    """1 for a failure, 2 for misuse and configuration."""

    def fails() -> None:
        raise error

    broken = typer.Typer()
    broken.command()(fails)
    monkeypatch.setattr("fairlead.cli.app.app", broken)
    with pytest.raises(SystemExit) as done:
        run([])

    assert done.value.code == code
    assert capsys.readouterr().err == f"{told}\n"


def test_every_group_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names all commands."""
    with pytest.raises(SystemExit):
        run(["--help"])
    said = capsys.readouterr().out

    names = ["agent", "watcher", "gateway", "ops", "accounts", "objects", "tokens", "certs", "nats-config", "demo"]
    assert [name for name in names if name not in said] == []


def test_unknown_options_are_misuse() -> None:
    """Exit code 2, as for every program."""
    with pytest.raises(SystemExit) as done:
        run(["accounts", "--no-such-option"])

    assert done.value.code == 2
    assert app.info.name == "fairlead"
