"""``fairlead ops rollout``: rollouts of workloads, steered and looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from fairlead.cli.connection import with_gateway
from fairlead.cli.gateway import Document, Gateway
from fairlead.cli.operation_options import Acting, KindArgument, LongLooking, Looking, NameArgument
from fairlead.cli.operation_requests import Target, act, look
from fairlead.cli.output import show, table

app = typer.Typer(help="Steer rollouts of Deployments, StatefulSets and DaemonSets.", no_args_is_help=True)


def _steers(operation: str, summary: str) -> None:
    """Add a command that does one thing to a workload."""

    def command(
        gateway: Gateway,
        kind: KindArgument,
        name: NameArgument,
        *,
        how: Acting,
    ) -> None:
        act(gateway, how, operation, Target(kind, name), {})

    command.__doc__ = summary
    app.command(operation)(with_gateway(command))


_steers("restart", "Replace all pods of a workload, step by step.")
_steers("pause", "Pause the rollout of a Deployment.")
_steers("resume", "Resume the rollout of a paused Deployment.")


@app.command()
@with_gateway
def undo(
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    to_revision: Annotated[int, typer.Option(min=0, help="Where to go back to; 0 is the one before.")] = 0,
    how: Acting,
) -> None:
    """Go back to an earlier revision."""
    act(gateway, how, "undo", Target(kind, name), {"revision": to_revision or None})


@app.command()
@with_gateway
def history(
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    revision: Annotated[int, typer.Option(min=0, help="Show this one with its pod template (-o json).")] = 0,
    how: Looking,
) -> None:
    """List the revisions of a workload."""
    document = look(gateway, how, "history", Target(kind, name), {"revision": revision or None})
    show(document, how.output, _revision_table(document["items"]))


@app.command()
@with_gateway
def status(
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    follow: Annotated[bool, typer.Option("--follow/--once", help="Wait for the end of the rollout.")] = True,
    how: LongLooking,
) -> None:
    """Tell how far a rollout has come; exit code 1 when it did not end in time."""
    document = look(gateway, how, "rolloutStatus", Target(kind, name), {"wait": follow})
    show(document, how.output, document["message"])


def _revision_table(revisions: Sequence[Document]) -> str:
    columns = {
        "REVISION": [each["revision"] for each in revisions],
        "NAME": [each["name"] for each in revisions],
        "CREATED": [each["createdAt"] for each in revisions],
        "CHANGE-CAUSE": [each["changeCause"] for each in revisions],
    }
    return table(columns, empty="no revisions")
