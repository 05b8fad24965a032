"""The page of the scrubber."""

from __future__ import annotations

from tools.observability.grafana import Dashboard, Query, Row, heatmap, series
from tools.observability.process import bus, here, instances, running
from tools.observability.promql import increase, rate

_SCRUBBING = Row(
    "Scrubbing",
    (
        series(
            "Batches by verdict",
            "`busy`: the clean log does not take more. `malformed`: a watcher of another release, or a fault.",
            "ops",
            Query(rate(here("fairlead_scrubber_batches_total"), "verdict"), "{{verdict}}"),
            stacked=True,
        ),
        series(
            "Objects by outcome",
            "Passed as they were, redacted, or withheld because nothing could be decided; caught by the second check; too large.",
            "ops",
            Query(rate(here("fairlead_scrubber_objects_total"), "outcome"), "{{outcome}}"),
            stacked=True,
        ),
        series(
            "Withheld, caught, oversize",
            "Objects that went out as stubs. Caught ones passed the rules and not the second check: the rules need a look.",
            "short",
            Query(
                increase(here("fairlead_scrubber_objects_total", 'outcome=~"withheld|caught|oversize"'), "outcome"),
                "{{outcome}}",
            ),
            stacked=True,
        ),
        heatmap(
            "Time of a batch",
            "Until the clean log has stored it. A diamond is a sampled event and leads to its trace.",
            increase(here("fairlead_scrubber_batch_seconds_bucket"), "le"),
        ),
        series(
            "Running and waiting",
            "Batches that are worked on, and those that wait for a slot. Waiting for long: run more scrubbers.",
            "short",
            Query(here("fairlead_scrubber_batches_running"), "running {{instance}}"),
            Query(here("fairlead_scrubber_batches_waiting"), "waiting {{instance}}"),
            width=6,
        ),
        series(
            "Unknown fields",
            "Fields of envelopes that this release does not know and dropped: the watcher is newer.",
            "ops",
            Query(rate(here("fairlead_scrubber_unknown_fields_total"), "instance"), "{{instance}}"),
            width=6,
        ),
    ),
)

SCRUBBER = Dashboard(
    "fairlead-scrubber",
    "Fairlead: scrubber",
    "Takes secrets out of what watchers send, and puts the rest into the clean log.",
    (_SCRUBBING, bus("scrubber"), running("scrubber")),
    instances("scrubber"),
)
