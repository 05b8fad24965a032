"""The page of the bridge."""

from __future__ import annotations

from tools.observability.grafana import Dashboard, Query, Row, heatmap, series
from tools.observability.process import bus, here, instances, running
from tools.observability.promql import increase, rate

_LINK = Row(
    "Link",
    (
        series(
            "Link stands",
            "1 while the link to the gateway stands. The log tells why a dial failed, and which setting to change.",
            "short",
            Query(here("fairlead_bridge_connected"), "{{instance}}"),
        ),
        series(
            "Dials and ended connections",
            "Attempts to connect by outcome, and connections that have ended. Refused: the gateway said no.",
            "short",
            Query(increase(here("fairlead_bridge_dials_total"), "outcome"), "{{outcome}}"),
            Query(increase(here("fairlead_bridge_disconnections_total")), "ended"),
        ),
        series(
            "Wait before the next dial",
            "It grows while dials fail, and is 0 while the link stands.",
            "s",
            Query(here("fairlead_bridge_backoff_seconds"), "{{instance}}"),
        ),
    ),
)

_CLEAN_LOG = Row(
    "Clean log to gateway",
    (
        heatmap(
            "From sending to commit",
            "Until the gateway has said that a batch is committed. A diamond is a sampled event and leads to its trace.",
            increase(here("fairlead_bridge_batch_seconds_bucket"), "le"),
        ),
        series(
            "Batches in the log",
            "Not taken yet, and taken but not acknowledged. Growth: the gateway or its database is slower than the clusters.",
            "short",
            Query(here("fairlead_bridge_log_pending_batches"), "not taken {{instance}}"),
            Query(here("fairlead_bridge_log_unsettled_batches"), "not acknowledged {{instance}}"),
            width=12,
        ),
        series(
            "Size of the log",
            "At the limit the log takes no more, scrubbers answer busy, and watchers slow down.",
            "bytes",
            Query(here("fairlead_bridge_log_bytes"), "size {{instance}}"),
            Query(here("fairlead_bridge_log_limit_bytes"), "limit {{instance}}"),
        ),
        series(
            "Credit",
            "Bytes sent and not yet committed, below the window that the gateway grants. At the window: the gateway is the bottleneck.",
            "bytes",
            Query(here("fairlead_bridge_in_flight_bytes"), "in flight {{instance}}"),
            Query(here("fairlead_bridge_window_bytes"), "window {{instance}}"),
        ),
        series(
            "Batches",
            "Batches sent to the gateway, and those under way.",
            "short",
            Query(rate(here("fairlead_bridge_batches_total"), "instance"), "sent a second {{instance}}"),
            Query(here("fairlead_bridge_batches_in_flight"), "under way {{instance}}"),
        ),
    ),
)

_ERRANDS = Row(
    "Calls, operations, exchanges",
    (
        series(
            "Calls of the zone",
            "Questions of watchers and executors to the gateway: sessions, stored versions, reports.",
            "ops",
            Query(rate(here("fairlead_bridge_calls_total"), "call, outcome"), "{{call}} {{outcome}}"),
        ),
        series(
            "Operations that wait for an executor",
            "Handed out by the gateway, and accepted by no executor yet. For long: no executor serves the account.",
            "short",
            Query(here("fairlead_bridge_operations_waiting"), "{{instance}}"),
        ),
        series(
            "Exchanges",
            "HTTP exchanges that are relayed now.",
            "short",
            Query(here("fairlead_bridge_tunnels"), "{{instance}}"),
        ),
    ),
)

BRIDGE = Dashboard(
    "fairlead-bridge",
    "Fairlead: bridge",
    "Holds the one connection to the gateway, and what is under way on it.",
    (_LINK, _CLEAN_LOG, _ERRANDS, bus("bridge"), running("bridge")),
    instances("bridge"),
)
