"""What the tour shows, step by step."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from ulid import ULID

from fairlead.cli.demo.mirror import Row
from fairlead.cli.demo.search import files_holding, tables_holding
from fairlead.cli.demo.tour import INDENT, STEP_TIMEOUT_S, Step, StepFailed, Tour
from fairlead.cli.stack.stack import DATABASE

APP = "ticket-booth"
IMAGE = "registry.k8s.io/pause:3.10"
REPLICAS, MORE_REPLICAS = 2, 4
WRITTEN_MEANWHILE = 3
PATIENCE_S = 20.0
"""How long pods of a real cluster may take to run before the tour goes on."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_LABELS = {"app.kubernetes.io/name": APP}
_SELECTOR = f"app.kubernetes.io/name={APP}"


def first_sync(tour: Tour) -> None:
    """Start the watcher and compare its rows with the cluster's own count, kind by kind."""
    tour.stack.start("watcher", wait=False)
    started = time.monotonic()
    columns = (TextColumn("   {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=tour.console) as progress:
        bar = progress.add_task("rows in PostgreSQL", total=None)

        def in_step() -> bool:
            watched = [each for each in tour.mirror.watched() if each.state in ("live", "listing")]
            if {each.resource.kind for each in watched} < set(tour.kinds):
                return False
            counts = tour.cluster.count(each.resource for each in watched)
            rows = {each.resource.name: each.rows for each in tour.mirror.watched()}
            progress.update(bar, total=sum(counts.values()), completed=sum(rows.values()))
            return all(rows.get(name) == count for name, count in counts.items())

        tour.until("the mirror holds as many rows as the cluster has objects", in_step)
    took_s = time.monotonic() - started
    kinds = {each.resource.kind: each.rows for each in tour.mirror.watched() if each.rows}
    tour.say(
        f"{len(tour.kinds)} kinds watched, {sum(kinds.values())} objects, in {took_s:.1f} s from the watcher's start:"
    )
    tour.say(", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda each: -each[1])))
    tour.say("[green]✓[/] as many rows as the cluster counts, for each kind")


def deploy(tour: Tour) -> None:
    """Apply a Deployment through the operation path and watch its rows come."""
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": tour.cluster.namespace, "name": APP, "labels": _LABELS},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": _LABELS},
            "template": {"metadata": {"labels": _LABELS}, "spec": {"containers": [{"name": "booth", "image": IMAGE}]}},
        },
    }
    request = {"account": tour.account, "kind": "apply", "manifest": manifest}
    submitted = datetime.now(UTC)
    operation_id = str(ULID())
    tour.gateway.submit(request, operation_id=operation_id)
    first_seen: dict[tuple[str, str], Row] = {}

    def all_there() -> bool:
        for kind in ("Deployment", "ReplicaSet", "Pod"):
            for row in tour.mirror.rows(kind, tour.cluster.namespace, labels=_SELECTOR):
                first_seen.setdefault((kind, row.name), row)
        kinds = [kind for kind, _ in first_seen]
        return {"Deployment", "ReplicaSet"} <= set(kinds) and kinds.count("Pod") >= REPLICAS

    tour.until("the rows of the Deployment, its ReplicaSet and its Pods are there", all_there)
    operation = tour.gateway.operation(operation_id, wait_s=STEP_TIMEOUT_S)
    if operation["state"] != "succeeded":
        raise StepFailed(f"the operation ended as {operation['state']}: {operation.get('result')}")
    answered = datetime.fromisoformat(operation["result"]["finishedAt"])
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("operation accepted, carried out, answered", _after(answered, submitted))
    for (kind, name), row in sorted(first_seen.items(), key=lambda each: each[1].updated):
        table.add_row(f"row of {kind} {name}", _after(row.updated, submitted))
    tour.console.print(Padding(table, (0, 0, 0, len(INDENT)), expand=False))
    _await_pods(tour)


def secret(tour: Tour) -> None:
    """Store a Secret with a value made for this moment, and look for the value everywhere."""
    value, name = secrets.token_hex(16), f"{APP}-credentials"
    applied = {"apiVersion": "v1", "kind": "Secret", "stringData": {"password": value}}
    manifest = {
        **applied,
        "metadata": {
            "namespace": tour.cluster.namespace,
            "name": name,
            "annotations": {LAST_APPLIED: json.dumps(applied)},
        },
    }
    tour.operate("create", manifest=manifest)
    took_s = tour.until(
        "the row of the Secret is there", lambda: bool(tour.mirror.rows("Secret", tour.cluster.namespace, name=name))
    )
    [row] = tour.mirror.rows("Secret", tour.cluster.namespace, name=name)
    tour.say(f"Secret [b]{name}[/b] holds the password [b]{value}[/b], in its data and in its last-applied annotation")
    tour.say(
        f"its row came {took_s * 1000:.0f} ms after the operation's answer: keys {', '.join(sorted(row.document))}"
    )
    files = tour.stack.files
    roots = {
        "the store of nats-server": tour.stack.nats.directory,
        "the files of PostgreSQL, its log of writes too": tour.stack.postgres.directory,
        "all logs": files.logs,
    }
    found = {what: files_holding(value, [root]) for what, root in roots.items()}
    tables = tables_holding(value, tour.stack.postgres, DATABASE)
    if any(found.values()) or tables or _holds_value(row.document, value):
        places = [str(path) for paths in found.values() for path in paths] + tables
        raise StepFailed(f"the value was found in {', '.join(places) or 'its row'}")
    if not tables_holding(name, tour.stack.postgres, DATABASE):
        raise StepFailed("the search is blind: it does not even find the name of the Secret")
    for what in (*roots, "every table, read row by row"):
        tour.say(f"[green]✓[/] not in {what}")
    tour.say("(as text, base64 or hexadecimal; the same search does find the Secret's name)")


def scale(tour: Tour) -> None:
    """Scale through the operation path."""
    started = time.monotonic()
    tour.operate("scale", target=tour.target("Deployment", APP), replicas=MORE_REPLICAS)
    answered_ms = (time.monotonic() - started) * 1000
    tour.until(
        "there are rows for the new pods",
        lambda: len(tour.mirror.rows("Pod", tour.cluster.namespace, labels=_SELECTOR)) == MORE_REPLICAS,
    )
    rows_ms = (time.monotonic() - started) * 1000
    tour.say(
        f"from {REPLICAS} to {MORE_REPLICAS}: answered after {answered_ms:.0f} ms, all rows after {rows_ms:.0f} ms"
    )


def delete(tour: Tour) -> None:
    """Delete through the operation path; it answers when the object is gone."""
    started = time.monotonic()
    tour.operate("delete", target=tour.target("Deployment", APP), propagation="Foreground", gracePeriodSeconds=1)
    answered_s = time.monotonic() - started
    left_s = tour.until(
        "the rows are gone",
        lambda: (
            not any(
                tour.mirror.rows(kind, tour.cluster.namespace, labels=_SELECTOR)
                for kind in ("Deployment", "ReplicaSet", "Pod")
            )
        ),
        timeout_s=2 * STEP_TIMEOUT_S,
    )
    tour.say(f"the operation answered when the Deployment was gone, after {answered_s * 1000:.0f} ms")
    tour.say(f"[green]✓[/] Deployment, ReplicaSet and Pods have no rows any more ({left_s * 1000:.0f} ms later)")


def recovery(tour: Tour) -> None:
    """Kill the scrubber, write on, start it again."""
    tour.stack.kill("scrubber")
    names = [f"written-meanwhile-{number}" for number in range(1, WRITTEN_MEANWHILE + 1)]
    for name in names:
        tour.operate("create", manifest=_config_map(tour, name))
    tour.say(f"the scrubber was killed; {len(names)} ConfigMaps were created meanwhile through the operation path")
    if _rows_of(tour, names):
        raise StepFailed("there is a row although no scrubber runs")
    tour.say("the mirror holds none of them yet: nothing passes unscrubbed, and nothing is reported as gone")
    started = time.monotonic()
    tour.stack.start("scrubber")
    up_s = time.monotonic() - started
    lag_s = tour.until("all rows are there", lambda: len(_rows_of(tour, names)) == len(names))
    tour.say(f"[green]✓[/] a new scrubber was ready after {up_s:.1f} s, and all rows {lag_s * 1000:.0f} ms after that")


STEPS: Sequence[Step] = (
    Step("The first sync", first_sync),
    Step("A deploy through the operation path", deploy),
    Step("A Secret whose value is nowhere", secret),
    Step("A scale", scale),
    Step("A delete", delete),
    Step("A killed scrubber, and the recovery", recovery),
)


def _config_map(tour: Tour, name: str) -> dict[str, Any]:
    metadata = {"namespace": tour.cluster.namespace, "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"written": "meanwhile"}}


def _rows_of(tour: Tour, names: Sequence[str]) -> list[Row]:
    return [row for row in tour.mirror.rows("ConfigMap", tour.cluster.namespace) if row.name in names]


def _await_pods(tour: Tour) -> None:
    """Wait until the rows say that the pods run; a real cluster may lack nodes or the image, which is no fault of ours."""
    started = time.monotonic()

    def settled() -> bool:
        given_up = tour.cluster.limited and time.monotonic() - started > PATIENCE_S
        return given_up or set(_phases(tour)) == {"Running"}

    took_s = tour.until("all pods run", settled)
    if set(_phases(tour)) == {"Running"}:
        tour.say(f"[green]✓[/] {REPLICAS} pods run and their rows say so ({took_s:.1f} s later)")
    else:
        tour.say(
            f"after {took_s:.0f} s this cluster does not run the pods yet; their rows say {', '.join(_phases(tour))}"
        )


def _phases(tour: Tour) -> list[str]:
    pods = tour.mirror.rows("Pod", tour.cluster.namespace, labels=_SELECTOR)
    return [str(pod.document.get("status", {}).get("phase")) for pod in pods]


def _holds_value(document: object, value: str) -> bool:
    text = json.dumps(document)
    return value in text or base64.b64encode(value.encode()).decode() in text


def _after(moment: datetime, start: datetime) -> str:
    return f"+{(moment - start).total_seconds() * 1000:.0f} ms"
