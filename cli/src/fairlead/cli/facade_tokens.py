"""``fairlead accounts token``: tokens with which kubectl and Clouddriver use an account through the gateway."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from fairlead.cli.connection import with_gateway
from fairlead.cli.durations import parse_duration
from fairlead.cli.errors import CommandError, MisuseError
from fairlead.cli.gateway import Document, Gateway
from fairlead.cli.output import Format, OutputOption, show, table
from fairlead.cli.private_files import write_secret
from fairlead.contracts.accounts import unusable
from fairlead.gateway.core.tokens import matches

app = typer.Typer(
    help="Make, list and end tokens with which kubectl and Clouddriver use an account.", no_args_is_help=True
)
KIND = "facade"
_NAME_LIMIT = 180

AccountArgument = Annotated[str, typer.Argument(help="Account.")]
ReadOnlyOption = Annotated[bool, typer.Option("--read-only", help="It may read and nothing else.")]
NameOption = Annotated[str, typer.Option(help="Name of the token, for the journal and its end; made up by default.")]
ExpiresOption = Annotated[str, typer.Option(help="How long it is valid: 90d; for ever by default.")]


@app.command()
@with_gateway
def create(  # noqa: PLR0913 - options
    gateway: Gateway,
    account: AccountArgument,
    *,
    read_only: ReadOnlyOption = False,
    name: NameOption = "",
    expires: ExpiresOption = "",
    file: Annotated[Path | None, typer.Option(help="Write it to this file, in place of an older token.")] = None,
) -> None:
    """Make a token. It is shown this once; older ones stay valid until they are revoked."""
    made = make_token(gateway, account, name=name, read_only=read_only, expires=expires)
    if file is None:
        typer.echo(made["token"])
        return
    keep_or_revoke(gateway, made, file, made["token"])
    typer.echo(f"wrote {file} ({made['name']})")


@app.command("list")
@with_gateway
def list_(gateway: Gateway, account: AccountArgument, *, output: OutputOption = Format.TABLE) -> None:
    """List the tokens that open an account, never the tokens themselves."""
    found = [token for token in gateway.tokens() if _opens(token, account)]
    fields = ("name", "accounts", "verbs", "createdAt", "expiresAt", "revokedAt")
    columns = {field.removesuffix("At").upper(): [each.get(field) for each in found] for field in fields}
    show({"items": found}, output, table(columns, empty=f"no token of the database opens {account}"))


@app.command()
@with_gateway
def revoke(
    gateway: Gateway, account: AccountArgument, name: Annotated[str, typer.Argument(help="Name of the token.")]
) -> None:
    """End a token of an account; it is good for two more seconds at most."""
    found = next((token for token in gateway.tokens() if token["name"] == name), None)
    if found is None or not _opens(found, account):
        raise CommandError(
            f"no token {name} opens {account}: `fairlead accounts token list {account}` shows those that do"
        )
    if found["accounts"] != [account]:
        raise CommandError(f"{name} opens other accounts too: `fairlead tokens revoke {name}` ends it for all of them")
    gateway.revoke_token(name)
    typer.echo(f"{name} is revoked")


def make_token(gateway: Gateway, account: str, *, name: str, read_only: bool, expires: str) -> Document:
    """Make a token for one account; the answer holds its name and text.

    Raises:
        MisuseError: the account's name can stand in no URL, or is a pattern of names.

    """
    problem = unusable(account)
    if not problem and {"*", "?"} & set(account):
        problem = f"{account} is a pattern of names; `fairlead tokens create --kind facade` makes a token for several accounts"
    if problem:
        raise MisuseError(problem)
    request: dict[str, Any] = {
        "name": name or _made_up(account),
        "kind": KIND,
        "accounts": [account],
        "verbs": ["read"] if read_only else ["read", "write"],
    }
    if expires:
        request["expiresInSeconds"] = round(parse_duration(expires, "--expires"))
    return {**gateway.create_token(request), "name": request["name"]}


def keep_or_revoke(gateway: Gateway, made: Document, file: Path, text: str) -> None:
    """Write what holds a new token; a token that cannot be written is revoked again.

    Raises:
        CommandError: it cannot.

    """
    try:
        write_secret(file, text)
    except OSError as error:
        gateway.revoke_token(made["name"])
        raise CommandError(f"{file} cannot be written ({error.strerror}); the token was revoked again") from error


def _opens(token: Document, account: str) -> bool:
    return token["kind"] == KIND and any(matches(pattern, account) for pattern in token["accounts"])


def _made_up(account: str) -> str:
    """A name that a path can hold, and that nobody else has."""
    spelled = re.sub(r"[^A-Za-z0-9._@-]+", "-", account).strip("-._@")[:_NAME_LIMIT]
    return f"{spelled or 'account'}-{secrets.token_hex(4)}"
