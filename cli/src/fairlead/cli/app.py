"""The `fairlead` command line: one module for each group of commands, put together here."""

from __future__ import annotations

import importlib
import sys
from importlib import metadata
from typing import Annotated

import typer

from fairlead.cli import (
    certs,
    facade_tokens,
    kubeconfig,
    kubernetes_secrets,
    mirror,
    nats,
    ops,
    prepare,
    registration,
    services,
    tokens,
    writes,
)
from fairlead.cli.errors import CommandError
from fairlead.cli.parts.errors import PartError
from fairlead.runtime.errors import EXIT_CONFIGURATION, EXIT_FAILURE, ConfigurationError

INTERRUPTED = 130
"""What shells report for a program that Ctrl-C ended."""


def _demo() -> None:
    """Show the main job on this machine: every part, a cluster, and a guided tour.

    KUBE_CONTEXT=<name> uses a real cluster of yours instead of a simulated one, and DEMO_YES=1 does not ask first;
    DEMO_EXIT=1 ends after the tour.
    """
    importlib.import_module("fairlead.cli.demo.command").command()


app = typer.Typer(
    name="fairlead",
    help="Fairlead streams Kubernetes clusters into Spinnaker and carries its operations back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fairlead {metadata.version('fairlead-cli')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options before any command."""


services.register(app)
_USE = "Use"
app.add_typer(ops.app, name="ops", rich_help_panel=_USE)
app.add_typer(mirror.accounts_app, name="accounts", rich_help_panel=_USE)
mirror.accounts_app.add_typer(facade_tokens.app, name="token")
mirror.accounts_app.command("writes")(writes.command)
for _command in (registration.registration, registration.register, registration.unregister, registration.remove):
    mirror.accounts_app.command()(_command)
app.command("kubeconfig", rich_help_panel=_USE)(kubeconfig.command)
app.command("resources", rich_help_panel=_USE)(mirror.resources)
app.command("objects", rich_help_panel=_USE)(mirror.objects)
app.add_typer(tokens.app, name="tokens", rich_help_panel=_USE)
app.command("demo", rich_help_panel="Try")(_demo)
_SET_UP = "Set up"
app.command("certs", rich_help_panel=_SET_UP)(certs.command)
app.command("nats-config", rich_help_panel=_SET_UP)(nats.command)
app.command("prepare", rich_help_panel=_SET_UP)(prepare.command)
app.command("kubernetes-secrets", rich_help_panel=_SET_UP)(kubernetes_secrets.command)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 used or configured wrongly."""
    try:
        app(arguments)
    except ConfigurationError as error:
        sys.exit(_fail("; ".join(error.problems), EXIT_CONFIGURATION))
    except CommandError as error:
        sys.exit(_fail(str(error), error.exit_code))
    except PartError as error:
        sys.exit(_fail(str(error), EXIT_FAILURE))
    except OSError as error:  # a full disk, a directory that may not be written
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(_fail(f"{place}{error.strerror or error}", EXIT_FAILURE))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _fail(message: str, code: int) -> int:
    typer.echo(f"fairlead: {message}", err=True)
    return code
