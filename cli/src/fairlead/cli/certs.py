"""``fairlead certs``: make and renew the certificates of an installation."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509

from fairlead.cli.certificates import Authority, KeyPair, hosts_of
from fairlead.cli.errors import CommandError, MisuseError
from fairlead.cli.private_files import OWNER_ONLY, PUBLIC, alone_in, write_file

LOOPBACK = ("localhost", "127.0.0.1", "::1")
LONGEST_DAYS = 3650
_OWN_NAMES = ("ca", "gateway", "nats")
_DNS_NAME = re.compile(r"(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
RENEW_WITHIN = timedelta(days=30)
"""A certificate that ends sooner is pointed out."""


@dataclass(frozen=True)
class Plan:
    """What to make: a directory, the hosts of the gateway, names of clients, and whether what is there may be replaced."""

    directory: Path
    hosts: tuple[str, ...] = LOOPBACK
    agents: tuple[str, ...] = ("agent",)
    callers: tuple[str, ...] = ("api",)
    nats_hosts: tuple[str, ...] = ()
    """Where nats-server is reached; empty: no certificate for it."""
    lifetime: timedelta = timedelta(days=365)
    renew: bool = False
    """Issue certificates anew by the authority that is there."""
    force: bool = False
    """Replace everything, the authority too."""


@dataclass(frozen=True)
class Report:
    """What became of the files, and what the user should know."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    warnings: tuple[str, ...]


def make(plan: Plan, now: datetime) -> Report:
    """Make what is missing; replace what is there only with ``renew`` or ``force``.

    The caller sees to it that nobody else makes files there (`alone_in`).

    Raises:
        CommandError: the authority that is there cannot be used.

    """
    written: list[Path] = []
    kept: list[Path] = []
    authority = _load_authority(plan)
    if authority is None:
        authority = Authority.create("fairlead-ca", now)
        written += _write(plan.directory, "ca", authority.pair)
    else:
        kept += _paths(plan.directory, "ca")
    warnings: list[str] = []
    servers = {"gateway": plan.hosts, "nats": plan.nats_hosts}
    for name in (*(name for name, hosts in servers.items() if hosts), *plan.agents, *plan.callers):
        certificate, _ = _paths(plan.directory, name)
        if certificate.exists() and not (plan.renew or plan.force):
            kept += _paths(plan.directory, name)
            warnings += _doubts(certificate, authority, servers.get(name, ()), now)
        elif name in servers:
            written += _write(plan.directory, name, authority.issue_server(name, servers[name], now, plan.lifetime))
        else:
            written += _write(plan.directory, name, authority.issue_client(name, now, plan.lifetime))
    return Report(tuple(written), tuple(kept), tuple(warnings))


def command(  # noqa: PLR0913 - each argument is an option
    directory: Annotated[Path, typer.Argument(help="Directory for the files; it is made when it is not there.")],
    *,
    host: Annotated[
        list[str] | None, typer.Option(help="Name or address under which the gateway is reached; repeatable.")
    ] = None,
    nats_host: Annotated[
        list[str] | None,
        typer.Option(help="Name or address under which nats-server is reached; repeatable. Default: no certificate"),
    ] = None,
    agent: Annotated[list[str] | None, typer.Option(help="Name of an agent; repeatable. Default: agent")] = None,
    caller: Annotated[list[str] | None, typer.Option(help="Name of an API caller; repeatable. Default: api")] = None,
    days: Annotated[int, typer.Option(min=1, max=LONGEST_DAYS, help="How long certificates last.")] = 365,
    renew: Annotated[
        bool, typer.Option("--renew", help="Issue certificates anew by the authority that is there.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace everything, the authority too.")] = False,
) -> None:
    """Make a certificate authority and certificates for the gateway, its agents and its callers.

    What is there already stays as it is, unless --renew or --force is given.
    """
    names = [*(agent or ["agent"]), *(caller or ["api"])]
    if len(set(names)) < len(names) or set(_OWN_NAMES) & set(names) or any("/" in name or not name for name in names):
        raise MisuseError(f"--agent and --caller take different plain names, other than {', '.join(_OWN_NAMES)}")
    check_hosts("--host", host or [])
    check_hosts("--nats-host", nats_host or [])
    plan = Plan(
        directory,
        tuple(dict.fromkeys([*(host or []), *LOOPBACK])),
        tuple(agent or ["agent"]),
        tuple(caller or ["api"]),
        tuple(dict.fromkeys([*nats_host, *LOOPBACK])) if nats_host else (),
        timedelta(days=days),
        renew,
        force,
    )
    try:
        with alone_in(directory):
            report = make(plan, datetime.now(UTC))
    except OSError as error:
        raise CommandError(f"cannot write to {directory}: {error.strerror}") from error
    for path in report.written:
        typer.echo(f"wrote {path}")
    for path in report.kept:
        typer.echo(f"kept  {path}")
    for warning in report.warnings:
        typer.echo(f"note: {warning}", err=True)


def check_hosts(option: str, hosts: Sequence[str]) -> None:
    """Make sure that an option names hosts.

    Raises:
        MisuseError: one of them is none.

    """
    wrong = next((name for name in hosts if not _is_host(name)), None)
    if wrong is not None:
        raise MisuseError(f"{option} {wrong}: give a DNS name or an IP address, without scheme or port (IDNA: xn--…)")


def _paths(directory: Path, name: str) -> tuple[Path, Path]:
    return directory / f"{name}.crt", directory / f"{name}.key"


def _write(directory: Path, name: str, pair: KeyPair) -> tuple[Path, Path]:
    certificate, key = _paths(directory, name)
    write_file(key, pair.key, OWNER_ONLY)
    write_file(certificate, pair.certificate, PUBLIC)
    return certificate, key


def _load_authority(plan: Plan) -> Authority | None:
    certificate, key = _paths(plan.directory, "ca")
    if plan.force or not (certificate.exists() or key.exists()):
        return None
    try:
        return Authority.load(KeyPair(certificate.read_bytes(), key.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise CommandError(
            f"{certificate} and {key} are there but cannot be used together ({_why(error)}): put the missing or right file back,"
            " or replace everything with --force"
        ) from error


def _is_host(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return _DNS_NAME.fullmatch(name) is not None
    return True


def _why(error: Exception) -> str:
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)


def _doubts(path: Path, authority: Authority, hosts: Sequence[str], now: datetime) -> list[str]:
    """What is wrong with a certificate that is kept."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        return [f"{path} is no certificate: issue it anew with --renew"]
    doubts = []
    if not authority.signed(certificate):
        doubts.append(f"{path} was issued by another authority: issue it anew with --renew")
    if certificate.not_valid_after_utc - now < RENEW_WITHIN:
        doubts.append(f"{path} ends on {certificate.not_valid_after_utc:%Y-%m-%d}: issue it anew with --renew")
    missing = sorted(set(hosts) - hosts_of(certificate))
    if missing:
        doubts.append(f"{path} is not for {', '.join(missing)}: issue it anew with --renew")
    return doubts
