"""The page that an operator opens first: is everything well, and if not, where."""

from __future__ import annotations

from tools.observability.alerts import RUNBOOKS
from tools.observability.grafana import Dashboard, Query, Row, heatmap, series, stat, table, traces
from tools.observability.promql import EVERY_JOB, highest, increase, quantile, rate, select, share, total

from fairlead.runtime.spans import EVENT, OPERATION

_FRESHNESS = "fairlead_gateway_freshness_seconds_bucket"
_API_COUNT = "fairlead_api_request_seconds_count"
_API_FAILED = select(_API_COUNT, 'code=~"0|429|5.."')
_NOT_LIVE = highest(select("fairlead_gateway_resources", 'state!~"live|listing"'), "account, state")
_FIRING = 'ALERTS{alertname=~"Fairlead.+", alertstate="firing"}'
_ACCOUNT_PAGE = "/d/fairlead-account?var-account=${__value.text}"

_NOW = Row(
    "Now",
    (
        stat(
            "Alerts",
            "Alerts that fire; the table below names them.",
            "short",
            Query(f"count({_FIRING}) or vector(0)"),
            bad_from=1,
        ),
        stat(
            "Agents connected",
            "Links that stand at all gateways. None: no cluster is seen and no operation runs.",
            "short",
            Query(total("fairlead_gateway_connections")),
            bad_below=1,
        ),
        stat(
            "Resources not live",
            "Resources of the mirror that are stale, refused or gone, of all accounts.",
            "short",
            Query(f"sum({_NOT_LIVE}) or vector(0)"),
            bad_from=1,
        ),
        stat(
            "Freshness, 99 %",
            "Of a hundred changes ninety-nine stood in the database after so long, over the last five minutes.",
            "s",
            Query(quantile(0.99, _FRESHNESS, window="5m")),
            bad_from=5,
        ),
        stat(
            "Services not ready",
            "Services that say that they cannot work, or do not answer Prometheus at all.",
            "short",
            Query(
                f"(count(fairlead_service_ready == 0) or vector(0)) + (count({select('up', EVERY_JOB)} == 0) or vector(0))"
            ),
            bad_from=1,
        ),
        stat(
            "Operations under way",
            "Operations that have not ended.",
            "short",
            Query(total(highest("fairlead_gateway_operations_open", "state"))),
        ),
        table(
            "What is wrong",
            "Alerts that fire now. The name leads to its runbook.",
            {"Firing": _FIRING},
            links={"alertname": RUNBOOKS + "/${__value.text}.md", "account": _ACCOUNT_PAGE},
        ),
    ),
)

_FRESH = Row(
    "Freshness",
    (
        heatmap(
            "From the change to its commit",
            "How long changes took from the API server to PostgreSQL. A diamond is a sampled event: it leads to its trace, with every hop.",
            increase(_FRESHNESS, "le"),
        ),
        series(
            "Freshness by quantile",
            "The same as lines. Milliseconds are normal; seconds mean that something is slow or catching up.",
            "s",
            *(Query(quantile(q, _FRESHNESS), f"{q:.0%}", exemplars=q == 0.99) for q in (0.5, 0.95, 0.99)),
            width=12,
        ),
    ),
)

_FLOW = Row(
    "The way of events",
    (
        series(
            "Events",
            "Read from API servers, and what the gateway made of them. Written much less than read for long: look at what waits.",
            "ops",
            Query(rate("fairlead_watcher_events_total"), "read"),
            Query(rate("fairlead_gateway_events_total", "outcome"), "{{outcome}}"),
        ),
        series(
            "What waits",
            "Where bytes pile up is the part before the slow one.",
            "bytes",
            Query(total("fairlead_watcher_pending_bytes"), "in watchers, for a scrubber"),
            Query(total("fairlead_bridge_log_bytes"), "in clean logs, for the bridge"),
            Query(total("fairlead_bridge_in_flight_bytes"), "on links, for the gateway"),
            Query(total("fairlead_gateway_uncommitted_bytes"), "in gateways, for the database"),
        ),
        series(
            "Not passed as they were",
            "Objects redacted, withheld, caught by the second check, or too large: see the page of the scrubber.",
            "ops",
            Query(rate(select("fairlead_scrubber_objects_total", 'outcome!="passed"'), "outcome"), "{{outcome}}"),
        ),
    ),
)

_ACCOUNTS = Row(
    "Accounts",
    (
        table(
            "Accounts",
            "One line an account; the name leads to its page. API failures: 429, 5xx and no answer.",
            {
                "Live": highest(select("fairlead_gateway_resources", 'state="live"'), "account"),
                "Not live": f"sum by (account) ({_NOT_LIVE})",
                "Oldest (s)": highest("fairlead_gateway_lag_seconds", "account"),
                "Watches": total("fairlead_watcher_watches", "account"),
                "Events, 5 min": increase("fairlead_watcher_events_total", "account", "5m"),
                "Lists, 1 h": increase("fairlead_watcher_lists_total", "account", "1h"),
                "Overloads, 1 h": increase("fairlead_watcher_overloads_total", "account", "1h"),
                "API failures, 5 min": increase(_API_FAILED, "account", "5m"),
            },
            links={"account": _ACCOUNT_PAGE},
        ),
    ),
)

_USE = Row(
    "Use",
    (
        series(
            "Operations",
            "Operations that ended, by their final state.",
            "ops",
            Query(rate("fairlead_gateway_operations_total", "state"), "{{state}}"),
            stacked=True,
        ),
        series(
            "Requests of kubectl and Clouddriver",
            "Requests at the Kubernetes API of accounts, by code.",
            "reqps",
            Query(rate("fairlead_facade_requests_total", "code"), "{{code}}"),
            stacked=True,
        ),
        series(
            "Failures of API servers",
            "Share of requests to API servers that ended in 429, 5xx or no answer, by account.",
            "percentunit",
            Query(share(rate(_API_FAILED, "account"), rate(_API_COUNT, "account")), "{{account}}"),
        ),
        traces("Events, traced", "The latest sampled events: each hop from the watch line to the commit.", EVENT[0]),
        traces(
            "Operations, traced", "The latest operations: from the caller's request to the stored result.", OPERATION[0]
        ),
    ),
)

FLEET = Dashboard(
    "fairlead-fleet",
    "Fairlead: fleet",
    "Is everything well, and if not, where. From here to an account, a service, a trace.",
    (_NOW, _FRESH, _FLOW, _ACCOUNTS, _USE),
)
