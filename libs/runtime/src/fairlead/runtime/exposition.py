"""What a process tells at `/metrics`: the figures of the services that run in it, none of the others.

Every program holds the whole table of `metrics`. A figure that stands at 0 where nothing counts it would be a lie
(`fairlead_bridge_connected` of a watcher), so a process serves only what its services count.
"""

from __future__ import annotations

from collections.abc import Collection

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from fairlead.runtime import metrics
from fairlead.runtime.armory_metrics import ArmoryMetrics


def registry_of(services: Collection[str]) -> CollectorRegistry:
    """Gather what the services of a process tell, with Python's own figures of the process."""
    disable_created_metrics()  # type: ignore[no-untyped-call] # a further series for each, which nobody asks for
    registry = CollectorRegistry(auto_describe=True)
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    for metric in metrics.table():
        if metrics.is_told_by(metric, services):
            registry.register(metric)
    registry.register(ArmoryMetrics(services))
    return registry
