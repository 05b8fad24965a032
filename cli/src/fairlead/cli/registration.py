"""``fairlead accounts register``, ``unregister``, ``registration`` and ``remove``: accounts in Clouddriver, and giving them up."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, TypeVar

import typer

from fairlead.cli.connection import with_gateway
from fairlead.cli.errors import CommandError, MisuseError
from fairlead.cli.gateway import Document, Gateway, GatewayRefusal
from fairlead.cli.output import Format, OutputOption, show, table

T = TypeVar("T")
AccountArgument = Annotated[str, typer.Argument(help="Account.")]
WaitOption = Annotated[float, typer.Option("--wait", min=0, help="Wait for it, at most so many seconds.")]
POLL_S = 0.5
WAIT_S = 60.0
STANDS = frozenset({"registered", "conflict", "refused"})
"""States that do not change by waiting."""


@with_gateway
def registration(
    gateway: Gateway,
    account: Annotated[str, typer.Argument(help="Only this account.")] = "",
    *,
    output: OutputOption = Format.TABLE,
) -> None:
    """Show how accounts stand in Clouddriver, and what is missing."""
    found = [gateway.registration(account)] if account else gateway.registrations()
    columns = {
        "ACCOUNT": [each["account"] for each in found],
        "WANTED": [each.get("wanted") for each in found],
        "STATE": [each.get("state") for each in found],
        "SINCE": [each.get("since") for each in found],
        "PUT": [each.get("putAt") for each in found],
        "MESSAGE": [_message(each) for each in found],
    }
    show({"items": found}, output, table(columns, empty="no accounts yet: is an agent connected?"))


@with_gateway
def register(
    gateway: Gateway,
    account: AccountArgument,
    *,
    adopt: Annotated[bool, typer.Option("--adopt", help="Replace an account of others that has this name.")] = False,
    wait: WaitOption = WAIT_S,
) -> None:
    """Register an account in Clouddriver (again).

    The gateway registers every account by itself; this is for one that was unregistered, or that has to be taken over.
    """
    found = gateway.register(account, adopt=adopt)
    found = _settled(found, lambda: gateway.registration(account), lambda found: found["state"] in STANDS, wait)
    if found["state"] != "registered":
        raise CommandError(f"{account} is not registered ({found['state']}): {found['message'] or 'it is under way'}")
    typer.echo(f"{account} is registered in Clouddriver")


@with_gateway
def unregister(gateway: Gateway, account: AccountArgument, *, wait: WaitOption = WAIT_S) -> None:
    """Take an account out of Clouddriver, and keep it out; its rows stay."""
    found = gateway.unregister(account)
    found = _settled(found, lambda: gateway.registration(account), lambda found: found["state"] == "withdrawn", wait)
    if found["state"] != "withdrawn":
        raise CommandError(f"{account} is still registered ({found['state']}): {found['message'] or 'it is under way'}")
    typer.echo(f"{account} is not in Clouddriver any more; `fairlead accounts register {account}` puts it back")


@with_gateway
def remove(
    gateway: Gateway,
    account: AccountArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: the account's rows go.")] = False,
    wait: WaitOption = WAIT_S,
) -> None:
    """Remove an account: out of Clouddriver, then its rows; what was done to it stays in the histories."""
    if not yes:
        raise MisuseError(f"this removes {account} from Clouddriver and its rows from the mirror; say --yes to do it")
    gateway.remove(account)
    found = _found(gateway, account)
    found = _settled(
        found, lambda: _found(gateway, account), lambda found: not found or found["wanted"] != "removed", wait
    )
    if found is not None:
        raise CommandError(f"{account} is still there ({found['state']}): {found['message'] or 'it is under way'}")
    typer.echo(f"{account} is removed")


def _settled(found: T, look: Callable[[], T], settled: Callable[[T], bool], wait_s: float) -> T:
    """Look again until what is found has settled, or the time is over; gives what was found last."""
    until = time.monotonic() + wait_s
    while not settled(found) and time.monotonic() < until:
        time.sleep(POLL_S)
        found = look()
    return found


def _found(gateway: Gateway, account: str) -> Document | None:
    try:
        return gateway.registration(account)
    except GatewayRefusal as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        return None


def _message(found: Document) -> str:
    missing_s = float(found.get("missingSeconds") or 0)
    told = [str(found.get("message") or "")]
    if missing_s:
        told.append(f"its agent is missing: {missing_s:.0f} s of the grace period have run")
    return "; ".join(filter(None, told))
