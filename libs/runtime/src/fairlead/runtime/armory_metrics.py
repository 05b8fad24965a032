"""The metrics of Armory's agent under their old names, so that a dashboard made for it keeps working.

They are reckoned from our own when somebody asks for them, so they cost nothing while nobody does. Names, types and labels are
those of `monitoring/armory-agent-dashboard.json` (github.com/armory-io/agent-k8s-spinplug-releases) and
`static/csv/agent/monitor-metrics.csv` (github.com/armory/docs).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client import Counter, Histogram, Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from fairlead.runtime import metrics


class OldName(NamedTuple):
    """One metric of Armory's agent."""

    name: str
    """As it stands in queries."""
    meaning: str
    source: MetricWrapperBase
    """Ours that is summed up."""
    of: Mapping[str, str] = {}
    """Labels of the series that count."""
    label: str = ""
    """Its one label, if it has one, made from our label `resource`."""
    value: Callable[[str], str] = str


def _plural(resource: str) -> str:
    return resource.partition(".")[0]


def _group(resource: str) -> str:
    return resource.partition(".")[2] or "core"


_CONNECTED = {"outcome": "connected"}
OLD_NAMES: Final = (
    OldName("kubesvc_connection_count", "Connections made.", metrics.BRIDGE_DIALS, _CONNECTED),
    OldName("kubesvc_disconnection_total", "Connections that have ended.", metrics.BRIDGE_DISCONNECTIONS),
    OldName("kubesvc_disconnection_count", "The same, as its dashboard calls it.", metrics.BRIDGE_DISCONNECTIONS),
    OldName(
        "kubesvc_events_sent_total", "States of objects sent, by the plural of their kind.", metrics.WATCHER_SENT_EVENTS,
        label="event_kind", value=_plural,
    ),
    OldName(
        "kubesvc_events_bytes_sent_total", "Bytes of their bodies, by API group (`core` for the one without a name).",
        metrics.WATCHER_SENT_BYTES, label="event_group", value=_group,
    ),
    OldName("kubesvc_resource_agent_total", "Resources that are followed.", metrics.WATCHER_RESOURCES),
    OldName("kubesvc_kubernetes_requests", "Requests to API servers.", metrics.API_REQUESTS),
    OldName("kubesvc_watches", "Watches that run.", metrics.WATCHER_WATCHES),
)  # fmt: skip


def kind_of(old: OldName) -> str:
    """Type in the exposition: what counts but lacks the suffix of a counter can only be told as untyped (OpenMetrics)."""
    if isinstance(old.source, Counter | Histogram):
        return "counter" if old.name.endswith("_total") else "unknown"
    return "unknown" if old.name.endswith("_total") else "gauge"


class ArmoryMetrics(Collector):
    """The old names whose sources the given services tell.

    Args:
        services: of this process.

    """

    def __init__(self, services: Collection[str]) -> None:
        self._told = [old for old in OLD_NAMES if metrics.is_told_by(old.source, services)]

    def describe(self) -> Iterator[Metric]:
        """Tell the names."""
        return (_family(old) for old in self._told)

    def collect(self) -> Iterator[Metric]:
        """Tell the values as they are now."""
        for old in self._told:
            family = _family(old)
            for labels, value in _sums(old).items():
                family.add_sample(old.name, dict(labels), value)
            yield family


def _family(old: OldName) -> Metric:
    kind = kind_of(old)
    return Metric(old.name.removesuffix("_total") if kind == "counter" else old.name, old.meaning, kind)


def _sums(old: OldName) -> dict[tuple[tuple[str, str], ...], float]:
    sums: dict[tuple[tuple[str, str], ...], float] = defaultdict(float)
    if not old.label:
        sums[()] = 0.0
    for sample in (sample for family in old.source.collect() for sample in family.samples):
        if not sample.name.endswith(("_bucket", "_sum", "_created")) and old.of.items() <= sample.labels.items():
            key = ((old.label, old.value(sample.labels["resource"])),) if old.label else ()
            sums[key] += sample.value
    return sums
