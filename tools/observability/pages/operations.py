"""Operations and writes: what callers asked for, how long it took, and what did not end well."""

from __future__ import annotations

from tools.observability.grafana import Dashboard, Query, Row, heatmap, series, stat, traces
from tools.observability.promql import highest, increase, quantile, rate, select, total

from fairlead.runtime.spans import EXCHANGE, OPERATION

_ENDED = "fairlead_gateway_operations_total"
_TIME = "fairlead_gateway_operation_seconds_bucket"

_NOW = Row(
    "Now",
    (
        stat("Ended", "Operations that ended.", "ops", Query(rate(_ENDED))),
        stat(
            "Failed, last hour",
            "The cluster said no; `fairlead ops history --state failed` tells why.",
            "short",
            Query(increase(select(_ENDED, 'state="failed"'), window="1h")),
        ),
        stat(
            "Unknown, last hour",
            "Nobody can tell whether they took effect: somebody has to look at the cluster.",
            "short",
            Query(increase(select(_ENDED, 'state="unknown"'), window="1h")),
            bad_from=1,
        ),
        stat(
            "Expired, last hour",
            "No agent took them until their deadline; they had no effect.",
            "short",
            Query(increase(select(_ENDED, 'state="expired"'), window="1h")),
            bad_from=1,
        ),
        stat(
            "Running",
            "Operations that executors work on.",
            "short",
            Query(total("fairlead_executor_running")),
        ),
        stat(
            "Waiting for a slot",
            "Operations that wait in executors. For long: run more executors, or the API server is slow.",
            "short",
            Query(total("fairlead_executor_waiting")),
            bad_from=1,
        ),
    ),
)

_TIMES = Row(
    "How long",
    (
        heatmap(
            "From receipt to result",
            "How long callers waited. A diamond leads to the trace of the operation.",
            increase(_TIME, "le"),
        ),
        series(
            "By kind, 95 %",
            "From receipt to result at the gateway; deletes and jobs wait for the cluster.",
            "s",
            Query(quantile(0.95, _TIME, "kind"), "{{kind}}", exemplars=True),
            width=12,
        ),
        series(
            "By phase, 95 %",
            "Storing, sending to an agent, starting at an executor, running there, and reporting back: the tall one is the slow part.",
            "s",
            Query(
                quantile(0.95, "fairlead_gateway_operation_phase_seconds_bucket", "phase"), "{{phase}}", exemplars=True
            ),
            stacked=True,
            width=12,
        ),
        series(
            "In the executor by phase, 95 %",
            "Waiting for a slot, claiming, running, and reporting.",
            "s",
            Query(quantile(0.95, "fairlead_executor_phase_seconds_bucket", "phase"), "{{phase}}", exemplars=True),
            stacked=True,
            width=12,
        ),
    ),
)

_ENDS = Row(
    "How they end",
    (
        series(
            "By state",
            "How operations ended.",
            "ops",
            Query(rate(_ENDED, "state"), "{{state}}"),
            stacked=True,
        ),
        series(
            "By kind",
            "What callers ask for.",
            "ops",
            Query(rate(_ENDED, "kind"), "{{kind}}"),
            stacked=True,
        ),
        series(
            "Under way",
            "Operations that have not ended: stored, sent to an agent, claimed by an executor.",
            "short",
            Query(highest("fairlead_gateway_operations_open", "state"), "{{state}}"),
            stacked=True,
        ),
        series(
            "Turned away, told late",
            "Operations left to their next resend (executor full, or they waited for too long), and results that came after the end.",
            "short",
            Query(increase("fairlead_executor_turned_away_total", "reason"), "turned away: {{reason}}"),
            Query(increase("fairlead_gateway_late_results_total"), "late results"),
        ),
        series(
            "Writes of kubectl and Clouddriver",
            "Writes through the Kubernetes API of accounts by how they ended; lost: told as 504, nobody knows whether it took effect.",
            "ops",
            Query(rate("fairlead_gateway_writes_total", "outcome"), "{{outcome}}"),
            stacked=True,
        ),
        series(
            "Exchanges by how they ended",
            "HTTP exchanges through agents, as the gateway saw them.",
            "ops",
            Query(rate("fairlead_gateway_tunnels_ended_total", "outcome"), "{{outcome}}"),
            stacked=True,
        ),
        traces(
            "Operations, traced", "The latest operations: from the caller's request to the stored result.", OPERATION[0]
        ),
        traces(
            "Exchanges, traced",
            "The latest requests of kubectl and Clouddriver that went through an agent.",
            EXCHANGE[0],
        ),
    ),
)

OPERATIONS = Dashboard(
    "fairlead-operations",
    "Fairlead: operations",
    "What callers asked for, how long it took, and what did not end well.",
    (_NOW, _TIMES, _ENDS),
)
