"""The options of the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import typer

from fairlead.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.rest_double import RestDouble


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, rest: RestDouble) -> None:
    """An environment that points elsewhere."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("FAIRLEAD_GATEWAY", "https://elsewhere:1")
    monkeypatch.setenv("FAIRLEAD_TOKEN", "flt_environment")
    rest.answer("GET", "/v1/accounts", {"items": []})


def test_options_win_over_the_environment(rest: RestDouble, tmp_path: Path) -> None:
    """Address and token; a file that is named wins over a token that is merely set."""
    (tmp_path / "token").write_text("flt_file")
    for words in (["--token", "flt_option"], ["--token-file", str(tmp_path / "token")], []):
        with pytest.raises(SystemExit):
            run(["accounts", "--gateway", rest.url, *words])

    tokens = [request.headers["authorization"].removeprefix("Bearer ") for request in rest.requests]
    assert tokens == ["flt_option", "flt_file", "flt_environment"]


def test_every_command_has_them() -> None:
    """A command that speaks to the gateway is called the same way as every other."""
    from fairlead.cli import ops, ops_rollout, tokens  # noqa: PLC0415 - looked at, not used

    for group in (ops.app, ops_rollout.app, tokens.app):
        command = typer.main.get_command(group)
        for name in set(command.list_commands(typer.Context(command))) - {"rollout"}:  # type: ignore[attr-defined]
            parameters = {each.name for each in command.commands[name].params}  # type: ignore[attr-defined]
            assert {"gateway", "token", "token_file", "ca_file"} <= parameters, name
