"""Dataclasses as options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from fairlead.cli.option_groups import with_option_groups


@dataclass(frozen=True)
class Voyage:
    """Where a ship goes."""

    port: Annotated[str, typer.Option("--port", "-p", help="Where to.")] = "home"
    days: Annotated[int, typer.Option("--days", min=1)] = 1


@dataclass(frozen=True)
class LongVoyage(Voyage):
    """Another default."""

    days: Annotated[int, typer.Option("--days", min=1)] = 100


app = typer.Typer()


@app.command()
@with_option_groups
def sail(ship: str, *, how: Voyage, fast: bool = False) -> None:
    """Set sail."""
    typer.echo(f"{ship} to {how.port}, {how.days} days, {fast}")


@app.command()
@with_option_groups
def circle(*, how: LongVoyage) -> None:
    """Go round."""
    typer.echo(f"{how.port}, {how.days} days")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("sail mary", "mary to home, 1 days, False"),
        ("sail mary -p rio --days 9 --fast", "mary to rio, 9 days, True"),
        ("circle --port rio", "rio, 100 days"),
    ],
)
def test_fields_are_options(words: str, told: str) -> None:
    """With their own names, limits and defaults, beside the options of the command itself."""
    assert CliRunner().invoke(app, words.split()).output.strip() == told


def test_what_an_option_refuses_is_refused() -> None:
    """The limits of a field hold."""
    result = CliRunner().invoke(app, ["sail", "mary", "--days", "0"])
    assert result.exit_code == 2
    assert "--days" in result.output
