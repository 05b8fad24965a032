"""``fairlead ops logs``, ``events``, ``top`` and ``run-job``: what happens in pods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from fairlead.cli.connection import with_gateway
from fairlead.cli.durations import parse_duration
from fairlead.cli.gateway import Document, Gateway
from fairlead.cli.operation_options import Files, KindArgument, Looking, NameArgument, Running
from fairlead.cli.operation_requests import OF_WAIT, Target, carry_out, look, manifest_requests, named
from fairlead.cli.output import show, table


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
    how: Looking,
) -> None:
    """Print the log of a pod, or of the pod of a Job or workload."""
    more = {
        "container": container, "previous": previous or None, "timestamps": timestamps or None, "tailLines": tail,
        "sinceSeconds": max(1, int(parse_duration(since, "--since"))) if since else None,
    }  # fmt: skip
    document = look(gateway, how, "logs", Target(kind, name), more)
    show(document, how.output, document["log"].rstrip("\n"))
    if document["cut"]:
        typer.echo("the log was cut: ask for its end with --tail or --since", err=True)


def events(
    gateway: Gateway,
    kind: KindArgument,
    name: NameArgument,
    *,
    how: Looking,
) -> None:
    """List the events about one object, live."""
    document = look(gateway, how, "events", Target(kind, name), {})
    show(document, how.output, _event_table(document["items"]))


def top(
    gateway: Gateway,
    name: Annotated[str, typer.Argument(help="Name of a pod; all of the namespace when left out.")] = "",
    *,
    selector: Annotated[str, typer.Option("--selector", "-l", help="Label selector.")] = "",
    how: Looking,
) -> None:
    """Tell what the containers of pods use."""
    more = {"labelSelector": selector}
    document = look(gateway, how, "podMetrics", Target("Pod", name), more)
    show(document, how.output, _usage_table(document.get("items", [document])))


def run_job(
    gateway: Gateway,
    *,
    filename: Files,
    recreate: Annotated[bool, typer.Option("--recreate", help="Delete a Job of the same name first.")] = False,
    follow: Annotated[bool, typer.Option("--follow/--start", help="Wait for the end of the Job.")] = True,
    how: Running,
) -> None:
    """Run Jobs and wait for their end; exit code 1 when one failed or took longer."""
    options = {"recreate": recreate or None, "wait": follow, "timeoutSeconds": (how.wait_s or 30.0) * OF_WAIT}
    carry_out(gateway, manifest_requests("runJob", named(gateway, how), filename, options), how)


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
