"""``fairlead ops logs``, ``events``, ``top`` and ``run-job``: what happens in pods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from fairlead.cli.connection import with_gateway
from fairlead.cli.durations import parse_duration
from fairlead.cli.gateway import Document, Gateway
from fairlead.cli.operation_requests import (
    OF_WAIT,
    WAIT,
    AccountOption,
    Files,
    IdOption,
    KindArgument,
    NameArgument,
    NamespaceOption,
    WaitOption,
    account_of,
    carry_out,
    manifest_requests,
    result_of,
    target_request,
)
from fairlead.cli.output import Format, OutputOption, show, table


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (("logs", logs), ("events", events), ("top", top), ("run-job", run_job)):
        app.command(name)(with_gateway(command))


def logs(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    container: Annotated[str, typer.Option("--container", "-c", help="Needless when the pod has one only.")] = "",
    previous: Annotated[bool, typer.Option("--previous", "-p", help="Before the last restart.")] = False,
    tail: Annotated[int | None, typer.Option(min=0, help="At most so many lines of its end.")] = None,
    since: Annotated[str, typer.Option(help="Nothing older than this: 10m, 1h.")] = "",
    timestamps: Annotated[bool, typer.Option("--timestamps", help="With a time for each line.")] = False,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = WAIT,
    output: OutputOption = Format.TABLE,
) -> None:
    """Print the log of a pod, or of the pod of a Job or workload."""
    wait_s = parse_duration(wait, "--wait")
    more = {
        "container": container, "previous": previous or None, "timestamps": timestamps or None, "tailLines": tail,
        "sinceSeconds": max(1, int(parse_duration(since, "--since"))) if since else None,
    }  # fmt: skip
    request = target_request("logs", account_of(gateway, account), kind, name, namespace, wait_s, more)
    document = result_of(gateway, request, wait_s)
    show(document, output, document["log"].rstrip("\n"))
    if document["cut"]:
        typer.echo("the log was cut: ask for its end with --tail or --since", err=True)


def events(  # noqa: PLR0913 - options
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = WAIT,
    output: OutputOption = Format.TABLE,
) -> None:
    """List the events about one object, live."""
    wait_s = parse_duration(wait, "--wait")
    request = target_request("events", account_of(gateway, account), kind, name, namespace, wait_s, {})
    document = result_of(gateway, request, wait_s)
    show(document, output, _event_table(document["items"]))


def top(  # noqa: PLR0913 - options
    gateway: Gateway,
    name: Annotated[str, typer.Argument(help="Name of a pod; all of the namespace when left out.")] = "",
    *,
    selector: Annotated[str, typer.Option("--selector", "-l", help="Label selector.")] = "",
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = WAIT,
    output: OutputOption = Format.TABLE,
) -> None:
    """Tell what the containers of pods use."""
    wait_s = parse_duration(wait, "--wait")
    more = {"labelSelector": selector}
    request = target_request("podMetrics", account_of(gateway, account), "Pod", name, namespace, wait_s, more)
    document = result_of(gateway, request, wait_s)
    show(document, output, _usage_table(document.get("items", [document])))


def run_job(  # noqa: PLR0913 - options
    gateway: Gateway,
    *,
    filename: Files,
    recreate: Annotated[bool, typer.Option("--recreate", help="Delete a Job of the same name first.")] = False,
    follow: Annotated[bool, typer.Option("--follow/--start", help="Wait for the end of the Job.")] = True,
    account: AccountOption = "",
    namespace: NamespaceOption = "",
    wait: WaitOption = "5m",
    operation_id: IdOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Run Jobs and wait for their end; exit code 1 when one failed or took longer."""
    wait_s = parse_duration(wait, "--wait") or 30.0
    options = {"recreate": recreate or None, "wait": follow, "timeoutSeconds": wait_s * OF_WAIT}
    requests = manifest_requests("runJob", account_of(gateway, account), filename, namespace, options)
    carry_out(gateway, requests, wait, operation_id, output)


def _event_table(events: Sequence[Document]) -> str:
    columns: dict[str, list[Any]] = {
        "LAST SEEN": [each.get("lastTimestamp") or each.get("eventTime") for each in events],
        "TYPE": [each.get("type") for each in events],
        "REASON": [each.get("reason") for each in events],
        "MESSAGE": [" ".join(str(each.get("message", "")).split()) for each in events],
    }
    return table(columns, empty="no events")


def _usage_table(pods: Sequence[Document]) -> str:
    used: list[tuple[str, Any]] = [
        (pod["metadata"]["name"], container) for pod in pods for container in pod.get("containers") or []
    ]
    columns: dict[str, list[Any]] = {
        "POD": [pod for pod, _ in used],
        "CONTAINER": [container.get("name") for _, container in used],
        "CPU": [(container.get("usage") or {}).get("cpu") for _, container in used],
        "MEMORY": [(container.get("usage") or {}).get("memory") for _, container in used],
    }
    return table(columns, empty="no metrics")
