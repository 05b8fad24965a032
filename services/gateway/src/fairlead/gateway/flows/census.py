"""Figures of what all gateways share; one of them counts, the others are silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from prometheus_client import Gauge

from fairlead.gateway.ports.census import CensusStore, Counted
from fairlead.runtime import metrics

INTERVAL_S = 15.0
LEASE_S = 60.0
"""How long the others wait for a gateway that died while it had this duty."""
_NOBODY = Counted({}, {}, {})
L = TypeVar("L", bound=tuple[str, ...])


@dataclass
class Census:
    """Tells lag and state of the mirror's resources, and how many operations have not ended."""

    store: CensusStore
    _told: dict[Gauge, set[tuple[str, ...]]] = field(default_factory=dict)

    async def step(self) -> None:
        """Count once."""
        self._tell(await self.store.count())

    def stand_by(self) -> None:
        """Another gateway tells."""
        self._tell(_NOBODY)

    def _tell(self, seen: Counted) -> None:
        self._replace(metrics.GATEWAY_LAG_SECONDS, seen.lags)
        self._replace(metrics.GATEWAY_RESOURCES, seen.resources)
        self._replace(metrics.GATEWAY_OPERATIONS_OPEN, seen.operations)

    def _replace(self, gauge: Gauge, values: Mapping[L, float]) -> None:
        """Set what is there and forget what is not any more; at no time is anything missing in between."""
        for labels, value in values.items():
            gauge.labels(*labels).set(value)
        for gone in self._told.get(gauge, set()).difference(values):
            gauge.remove(*gone)
        self._told[gauge] = set(values)
