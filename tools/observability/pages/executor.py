"""The page of the executor."""

from __future__ import annotations

from tools.observability.grafana import Dashboard, Query, Row, series
from tools.observability.process import api_servers, bus, here, instances, running
from tools.observability.promql import increase, quantile, rate

_OPERATIONS = Row(
    "Operations",
    (
        series(
            "Operations by outcome",
            "How they ended; `unknown`: it may have taken effect, nobody can tell.",
            "ops",
            Query(rate(here("fairlead_executor_operations_total"), "outcome"), "{{outcome}}"),
            stacked=True,
        ),
        series(
            "Running and waiting",
            "Operations that run, and those that wait for a slot. Waiting for long: run more executors.",
            "short",
            Query(here("fairlead_executor_running"), "running {{instance}}"),
            Query(here("fairlead_executor_waiting"), "waiting {{instance}}"),
        ),
        series(
            "Turned away",
            "`full`: no room; `late`: waited for too long. They come again by themselves until their deadline.",
            "short",
            Query(increase(here("fairlead_executor_turned_away_total"), "reason"), "{{reason}}"),
            stacked=True,
        ),
        series(
            "Time by kind, 95 %",
            "How long operations ran here, with all their requests to the API server.",
            "s",
            Query(
                quantile(0.95, here("fairlead_executor_operation_seconds_bucket"), "kind"), "{{kind}}", exemplars=True
            ),
            width=12,
        ),
        series(
            "Time by phase, 95 %",
            "Waiting for a slot, claiming, running, and reporting until the gateway has the result.",
            "s",
            Query(quantile(0.95, here("fairlead_executor_phase_seconds_bucket"), "phase"), "{{phase}}", exemplars=True),
            width=12,
        ),
        series(
            "Exchanges",
            "HTTP exchanges that are carried now.",
            "short",
            Query(here("fairlead_executor_tunnels"), "{{instance}}"),
            width=12,
        ),
        series(
            "Exchanges by how they ended",
            "`lost`: the answer did not come whole; `not-dispatched`: certainly not sent; `refused`: not ours to carry.",
            "ops",
            Query(rate(here("fairlead_executor_tunnels_ended_total"), "outcome"), "{{outcome}}"),
            stacked=True,
            width=12,
        ),
    ),
)

EXECUTOR = Dashboard(
    "fairlead-executor",
    "Fairlead: executor",
    "Carries operations and exchanges to the API servers.",
    (_OPERATIONS, api_servers("executor"), bus("executor"), running("executor")),
    instances("executor"),
)
