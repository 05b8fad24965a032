"""The page of the watcher."""

from __future__ import annotations

from tools.observability.grafana import Dashboard, Query, Row, heatmap, series
from tools.observability.process import api_servers, bus, here, instances, running
from tools.observability.promql import increase, quantile, rate, total

_OBSERVATION = Row(
    "Observation",
    (
        series(
            "Resources by state",
            "`live` is well; `stale` tries again, `refused` lacks rights, `gone` is not served any more. `fairlead resources <account>`"
            " names them.",
            "short",
            Query(total(here("fairlead_watcher_resources"), "state"), "{{state}}"),
            stacked=True,
        ),
        series(
            "Watches by account",
            "Watches that run. A dip is a reconnect; a line that stays down is an account that is not seen.",
            "short",
            Query(total(here("fairlead_watcher_watches"), "account"), "{{account}}"),
        ),
        series(
            "Backing off",
            "Resources that wait before they are tried again, by account.",
            "short",
            Query(total(here("fairlead_watcher_backing_off"), "account"), "{{account}}"),
            stacked=True,
        ),
        series(
            "Events by account",
            "Changes read from API servers.",
            "ops",
            Query(rate(here("fairlead_watcher_events_total"), "account"), "{{account}}"),
            stacked=True,
        ),
        series(
            "Sessions by reason",
            "Why resources were taken up anew. `start` once; many of one reason name what is wrong.",
            "short",
            Query(increase(here("fairlead_watcher_sessions_total"), "reason"), "{{reason}}"),
            stacked=True,
        ),
        series(
            "Overloads",
            "Times that bodies were given up for lack of room, by account; the resource is listed again.",
            "short",
            Query(increase(here("fairlead_watcher_overloads_total"), "account"), "{{account}}"),
            stacked=True,
        ),
    ),
)

_LISTS = Row(
    "Lists",
    (
        series(
            "Lists by manner",
            "Whole lists by pages or streamed, of names for an inventory, of single objects for a repair.",
            "short",
            Query(increase(here("fairlead_watcher_lists_total"), "reason"), "{{reason}}"),
            stacked=True,
        ),
        series(
            "Lists running and waiting",
            "Lists wait for their turn, so that API servers are spared.",
            "short",
            Query(total(here("fairlead_watcher_lists_running")), "running"),
            Query(total(here("fairlead_watcher_lists_waiting")), "waiting"),
        ),
        series(
            "Slowest kinds, 95 %",
            "Time of a whole list, from its turn to its last object, of the five slowest kinds.",
            "s",
            Query(
                f"topk(5, {quantile(0.95, here('fairlead_watcher_list_seconds_bucket'), 'resource')})", "{{resource}}"
            ),
        ),
    ),
)

_RAW_HOP = Row(
    "To the scrubbers",
    (
        series(
            "Batches by verdict",
            "`unanswered`: no scrubber; `busy`: the clean log is full, so gateway or database are slow; `malformed`: skew of versions.",
            "ops",
            Query(rate(here("fairlead_watcher_batches_total"), "verdict"), "{{verdict}}"),
            stacked=True,
        ),
        heatmap(
            "Time of a batch",
            "From its first sending until it stands in the clean log. A diamond is a sampled event and leads to its trace.",
            increase(here("fairlead_watcher_batch_seconds_bucket"), "le"),
            width=16,
        ),
        series(
            "Batches in flight",
            "Sent, without a verdict yet. At its limit for long: the scrubbers are the bottleneck.",
            "short",
            Query(here("fairlead_watcher_batches_in_flight"), "{{instance}}"),
            width=6,
        ),
        series(
            "Bytes that wait",
            "Bodies that wait for a scrubber. Near the limit lists wait; past it bodies are given up.",
            "bytes",
            Query(here("fairlead_watcher_pending_bytes"), "{{instance}}"),
            width=6,
        ),
        series(
            "Bytes sent",
            "Bodies sent to the scrubbers, of the five largest kinds.",
            "Bps",
            Query(f"topk(5, {rate(here('fairlead_watcher_sent_bytes_total'), 'resource')})", "{{resource}}"),
            stacked=True,
            width=6,
        ),
        series(
            "States replaced while they waited",
            "Newer states take the place of older ones: how a slow way costs freshness, not memory.",
            "ops",
            Query(rate(here("fairlead_watcher_coalesced_total"), "instance"), "{{instance}}"),
            width=6,
        ),
    ),
)

WATCHER = Dashboard(
    "fairlead-watcher",
    "Fairlead: watcher",
    "Reads clusters: lists, watches, and the batches that go to the scrubbers.",
    (_OBSERVATION, _LISTS, _RAW_HOP, api_servers("watcher"), bus("watcher"), running("watcher")),
    instances("watcher"),
)
