"""``fairlead ops rollout``: rollouts of workloads, steered and looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from fairlead.cli.connection import with_gateway
from fairlead.cli.durations import parse_duration
from fairlead.cli.gateway import Document, Gateway
from fairlead.cli.operation_requests import (
    OF_WAIT,
    TIMEOUT,
    WAIT,
    AccountOption,
    IdOption,
    KindArgument,
    NameArgument,
    NamespaceOption,
    TimeoutOption,
    WaitOption,
    account_of,
    carry_out,
    result_of,
    target_request,
)
from fairlead.cli.output import Format, OutputOption, show, table

app = typer.Typer(help="Steer rollouts of Deployments, StatefulSets and DaemonSets.", no_args_is_help=True)


def _steers(operation: str, summary: str) -> None:
    """Add a command that does one thing to a workload."""

    def command(  # noqa: PLR0913 - options
        gateway: Gateway,
        kind: KindArgument,
        name: NameArgument,
        *,
        account: AccountOption = "",
        namespace: NamespaceOption = "",
        wait: WaitOption = WAIT,
        timeout: TimeoutOption = TIMEOUT,
        operation_id: IdOption = "",
        output: OutputOption = Format.TABLE,
    ) -> None:
        timeout_s = parse_duration(timeout, "--timeout")
        request = target_request(operation, account_of(gateway, account), kind, name, namespace, timeout_s, {})
        carry_out(gateway, [request], wait, operation_id, output)

    command.__doc__ = summary
    app.command(operation)(with_gateway(command))


_steers("restart", "Replace all pods of a workload, step by step.")
_steers("pause", "Pause the rollout of a Deployment.")
_steers("resume", "Resume the rollout of a paused Deployment.")


@app.command()
@with_gateway
def undo(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    to_revision: Annotated[int, typer.Option(min=0, help="Where to go back to; 0 is the one before.")] = 0,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = WAIT,
    timeout: TimeoutOption = TIMEOUT,
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Go back to an earlier revision."""
    timeout_s, more = parse_duration(timeout, "--timeout"), {"revision": to_revision or None}
    request = target_request("undo", account_of(gateway, account), kind, name, namespace, timeout_s, more)
    carry_out(gateway, [request], wait, operation_id, output)


@app.command()
@with_gateway
def history(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    revision: Annotated[int, typer.Option(min=0, help="Show this one with its pod template (-o json).")] = 0,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = WAIT,
    output: OutputOption = Format.TABLE,
) -> None:
    """List the revisions of a workload."""
    document = _looked(gateway, "history", account, kind, name, namespace, wait, {"revision": revision or None})
    show(document, output, _revision_table(document["items"]))


@app.command()
@with_gateway
def status(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    follow: Annotated[bool, typer.Option("--follow/--once", help="Wait for the end of the rollout.")] = True,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = "5m",
    output: OutputOption = Format.TABLE,
) -> None:
    """Tell how far a rollout has come; exit code 1 when it did not end in time."""
    document = _looked(gateway, "rolloutStatus", account, kind, name, namespace, wait, {"wait": follow})
    show(document, output, document["message"])


def _looked(  # noqa: PLR0913, PLR0917 - parts of a request
    gateway: Gateway,
    operation: str,
    account: str,
    kind: str,
    name: str,
    namespace: str,
    wait: str,
    more: Mapping[str, Any],
) -> Any:
    wait_s = parse_duration(wait, "--wait")
    timeout_s = wait_s * OF_WAIT
    request = target_request(operation, account_of(gateway, account), kind, name, namespace, timeout_s, more)
    return result_of(gateway, request, wait_s)


def _revision_table(revisions: Sequence[Document]) -> str:
    columns = {
        "REVISION": [each["revision"] for each in revisions],
        "NAME": [each["name"] for each in revisions],
        "CREATED": [each["createdAt"] for each in revisions],
        "CHANGE-CAUSE": [each["changeCause"] for each in revisions],
    }
    return table(columns, empty="no revisions")
