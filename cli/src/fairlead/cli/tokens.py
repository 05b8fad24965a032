"""``fairlead tokens``: credentials of agents and callers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fairlead.cli.connection import with_gateway
from fairlead.cli.durations import parse_duration
from fairlead.cli.errors import CommandError, MisuseError
from fairlead.cli.gateway import Gateway
from fairlead.cli.output import Format, OutputOption, show, table
from fairlead.cli.private_files import write_secret

app = typer.Typer(help="Make, list and end tokens of agents and callers.", no_args_is_help=True)


class Kind(StrEnum):
    """Which door a token opens."""

    AGENT = "agent"
    API = "api"
    FACADE = "facade"


class Verb(StrEnum):
    """What a caller may do."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@app.command()
@with_gateway
def create(  # noqa: PLR0913 - options
    gateway: Gateway,
    name: Annotated[str, typer.Argument(help="Name of the token.")],
    *,
    kind: Annotated[Kind, typer.Option(help="Which door it opens.")],
    account: Annotated[list[str], typer.Option("--account", "-a", help="Account, * allowed; repeatable.")],
    verb: Annotated[list[Verb] | None, typer.Option(help="What a caller may do; repeatable. Default: read")] = None,
    expires_in: Annotated[str, typer.Option(help="How long it is valid: 90d; for ever by default.")] = "",
    file: Annotated[Path | None, typer.Option(help="Write the token to this file instead of printing it.")] = None,
) -> None:
    """Make a token. It is shown this once; the gateway keeps its hash alone."""
    if kind is Kind.AGENT and verb:
        raise MisuseError("--verb is for callers; an agent's token opens the link and nothing else")
    if file is not None and file.exists():
        raise MisuseError(f"{file} is there already: name another file, or remove it")
    request: dict[str, Any] = {"name": name, "kind": kind.value, "accounts": account}
    if kind is not Kind.AGENT:
        request["verbs"] = [each.value for each in verb or [Verb.READ]]
    if expires_in:
        request["expiresInSeconds"] = round(parse_duration(expires_in, "--expires-in"))
    token = str(gateway.create_token(request)["token"])
    if file is None:
        typer.echo(token)
        return
    try:
        write_secret(file, token)
    except OSError as error:
        gateway.revoke_token(name)
        raise CommandError(f"{file} cannot be written ({error.strerror}); the token was revoked again") from error
    typer.echo(f"wrote {file}")


@app.command("list")
@with_gateway
def list_(gateway: Gateway, *, output: OutputOption = Format.TABLE) -> None:
    """List tokens, never the tokens themselves."""
    found = gateway.tokens()
    fields = ("name", "kind", "accounts", "verbs", "createdAt", "expiresAt", "revokedAt")
    columns = {field.removesuffix("At").upper(): [each.get(field) for each in found] for field in fields}
    show({"items": found}, output, table(columns, empty="no tokens"))


@app.command()
@with_gateway
def revoke(gateway: Gateway, name: Annotated[str, typer.Argument(help="Name of the token.")]) -> None:
    """End a token at once."""
    gateway.revoke_token(name)
    typer.echo(f"{name} is revoked")
