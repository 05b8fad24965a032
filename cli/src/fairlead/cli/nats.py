"""``fairlead nats-config``: print the configuration that nats-server needs."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer

from fairlead.cli.errors import CommandError
from fairlead.cli.nats_config import authorization, server_settings, service_users
from fairlead.cli.private_files import alone_in, write_secret

_HEAD = """\
# nats-server configuration for one zone of Fairlead, made by `fairlead nats-config` from the table of subjects.
# Each service sets `nats.user` and `nats.passwordFile` to its own (FAIRLEAD_<SERVICE>__NATS__USER …).
"""


def command(
    *,
    users: Annotated[bool, typer.Option("--users", help="Print the users alone, for inclusion in a file.")] = False,
    passwords: Annotated[
        Path | None,
        typer.Option(
            help="Directory of password files, one for each user; missing ones are made up. Without it, the output refers"
            " to environment variables of nats-server: FAIRLEAD_PASSWORD_<SERVICE>."
        ),
    ] = None,
) -> None:
    """Print nats-server's settings, users and permissions: who may publish and read what on the bus."""
    try:
        rendered = authorization(_by_environment if passwords is None else _passwords_in(passwords))
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
    typer.echo(_HEAD + ("" if users else server_settings()) + rendered, nl=False)


def server_configuration() -> str:
    """The whole configuration, with passwords from nats-server's environment."""
    return _HEAD + server_settings() + authorization(_by_environment)


def _by_environment(user: str) -> str:
    return f"$FAIRLEAD_PASSWORD_{user.upper()}"


def _passwords_in(directory: Path) -> dict[str, str]:
    with alone_in(directory):
        return {user.name: json.dumps(password_of(directory, user.name)) for user in service_users()}


def password_of(directory: Path, user: str) -> str:
    """Read the password of a user from its file; make one up where there is none."""
    path = directory / f"{user}.password"
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8").strip()
