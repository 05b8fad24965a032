"""``fairlead agent``, ``fairlead watcher`` …: run services. Each is imported when it is asked for, to spare the others."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import typer

AGENT_SERVICES = ("watcher", "scrubber", "bridge", "executor")

gateway_app = typer.Typer(help="Run the gateway, or prepare its database.", invoke_without_command=True)


def agent() -> None:
    """Run watcher, scrubber, bridge and executor as one process."""
    importlib.import_module("fairlead.cli.agent").main()


def run_service(name: str) -> None:
    """Run one service; it ends the process with its own exit code."""
    importlib.import_module(f"fairlead.{name}.__main__").main()


@gateway_app.callback()
def gateway(context: typer.Context) -> None:
    """Run the gateway."""
    if context.invoked_subcommand is None:
        run_service("gateway")


@gateway_app.command()
def migrate() -> None:
    """Bring the database's schema up to date and end; for a role that may change it (DDL)."""
    importlib.import_module("fairlead.gateway.__main__").migrate()


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    panel = "Run"
    app.command("agent", rich_help_panel=panel)(agent)
    for name in AGENT_SERVICES:
        app.command(name, help=f"Run the {name} alone.", rich_help_panel=panel)(_runner(name))
    app.add_typer(gateway_app, name="gateway", rich_help_panel=panel)


def _runner(name: str) -> Callable[[], None]:
    def run() -> None:
        run_service(name)

    return run
