"""``fairlead prepare``: every file with a secret in it that a new installation needs, in one directory.

Certificates, passwords of the bus, tokens, the gateway's key, nats-server's configuration with TLS, users and permissions, and
the database's password. What is there stays, so it may run at every start.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fairlead.cli import certs
from fairlead.cli.nats import password_of
from fairlead.cli.nats_config import authorization, server_settings, service_users
from fairlead.cli.private_files import alone_in, write_file, write_secret

TOKENS = ("agent", "api")
DATABASE_USER = "fairlead"
NATS_CONFIGURATION = "nats-server.conf"
_KEY_BYTES = 32


@dataclass(frozen=True)
class Installation:
    """What is to be prepared, and under which path the containers will see it."""

    directory: Path
    mounted: str = "/run/fairlead"
    gateway_hosts: tuple[str, ...] = ("gateway",)
    nats_hosts: tuple[str, ...] = ("nats",)
    database_host: str = "postgres"
    store: str = "/data/jetstream"


def prepare(wanted: Installation, now: datetime) -> certs.Report:
    """Write what is missing; nats-server's configuration is written anew, from the passwords that are there.

    Raises:
        CommandError: the authority that is there cannot be used, or another command makes files there and does not end.

    """
    with alone_in(wanted.directory):
        return _prepare(wanted, now)


def _prepare(wanted: Installation, now: datetime) -> certs.Report:
    directory = wanted.directory
    plan = certs.Plan(
        directory,
        tuple(dict.fromkeys([*wanted.gateway_hosts, *certs.LOOPBACK])),
        nats_hosts=tuple(dict.fromkeys([*wanted.nats_hosts, *certs.LOOPBACK])),
    )
    report = certs.make(plan, now)
    for name in TOKENS:
        _once(directory / f"{name}.token", secrets.token_urlsafe(32))
    _once(directory / "operations.key", b64encode(secrets.token_bytes(_KEY_BYTES)).decode())
    password = password_of(directory, "postgres")
    dsn = f"postgresql://{DATABASE_USER}:{password}@{wanted.database_host}:5432/{DATABASE_USER}"
    write_secret(directory / "database.dsn", dsn)
    write_file(directory / NATS_CONFIGURATION, nats_configuration(wanted).encode())
    return report


def nats_configuration(wanted: Installation) -> str:
    """nats-server's configuration: limits, storage, TLS, users and permissions; health at port 8222."""
    passwords = {user.name: json.dumps(password_of(wanted.directory, user.name)) for user in service_users()}
    tls = f'tls {{ cert_file: "{wanted.mounted}/nats.crt", key_file: "{wanted.mounted}/nats.key" }}\n'
    return f"port: 4222\nhttp_port: 8222\n{server_settings(wanted.store)}{tls}{authorization(passwords)}"


def command(
    directory: Annotated[Path, typer.Argument(help="Directory for the files; it is made when it is not there.")],
    *,
    host: Annotated[
        list[str] | None, typer.Option(help="Host under which the gateway is reached; repeatable. Default: gateway")
    ] = None,
    nats_host: Annotated[
        list[str] | None, typer.Option(help="Host under which nats-server is reached; repeatable. Default: nats")
    ] = None,
    database_host: Annotated[str, typer.Option(help="Host of PostgreSQL, for the connection string.")] = "postgres",
    mounted: Annotated[
        str, typer.Option(help="Where nats-server will see the directory, for its configuration.")
    ] = "/run/fairlead",
) -> None:
    """Make certificates, passwords, tokens, keys and nats-server's configuration for a new installation.

    What is there already stays as it is.
    """
    for option, hosts in (("--host", host), ("--nats-host", nats_host), ("--database-host", [database_host])):
        certs.check_hosts(option, hosts or [])
    wanted = Installation(directory, mounted, tuple(host or ["gateway"]), tuple(nats_host or ["nats"]), database_host)
    report = prepare(wanted, datetime.now(UTC))
    for warning in report.warnings:
        typer.echo(f"note: {warning}", err=True)
    typer.echo(
        f"{directory} is ready: {len(report.written)} files of certificates are new, {len(report.kept)} were there"
    )


def _once(path: Path, text: str) -> None:
    if not path.exists():
        write_secret(path, text)
