"""HorizontalPodAutoscalers of ``autoscaling/v2``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from fairlead.gateway.core.facade.tables.parts import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    Cell,
    Column,
    Metadata,
    Part,
    Printer,
    age,
)

METRICS_SHOWN = 2


class _Value(Part, frozen=True):
    value: str | None = None
    average_value: str | None = None
    average_utilization: int | None = None


class _Source(Part, frozen=True):
    name: str = ""
    target: _Value = _Value()
    """In the spec."""
    current: _Value = _Value()
    """In the status."""


class _Metric(Part, frozen=True):
    type: str = ""
    external: _Source | None = None
    pods: _Source | None = None
    object_: _Source | None = msgspec.field(name="object", default=None)
    resource: _Source | None = None
    container_resource: _Source | None = None

    def source(self, type_: str) -> _Source | None:
        """What a metric of a type is made of."""
        return {
            "External": self.external,
            "Pods": self.pods,
            "Object": self.object_,
            "Resource": self.resource,
            "ContainerResource": self.container_resource,
        }.get(type_)


class _Aim(Part, frozen=True):
    kind: str = ""
    name: str = ""


class _Spec(Part, frozen=True):
    scale_target_ref: _Aim = _Aim()
    min_replicas: int | None = None
    max_replicas: int = 0
    metrics: list[_Metric] | None = None


class _Status(Part, frozen=True):
    current_replicas: int = 0
    current_metrics: list[_Metric] | None = None


class Autoscaler(Part, frozen=True):
    """What is read of a HorizontalPodAutoscaler; of one in ``autoscaling/v1`` nothing, for its metrics stand elsewhere."""

    api_version: Literal["autoscaling/v2", "autoscaling/v2beta2"] = "autoscaling/v2"
    metadata: Metadata = Metadata()
    spec: _Spec = _Spec()
    status: _Status = _Status()


def _autoscaler(found: Autoscaler, now: datetime) -> list[Cell]:
    spec, aim = found.spec, found.spec.scale_target_ref
    return [
        found.metadata.name,
        f"{aim.kind}/{aim.name}",
        _targets(spec.metrics or [], found.status.current_metrics or []),
        UNSET if spec.min_replicas is None else str(spec.min_replicas),
        spec.max_replicas,
        found.status.current_replicas,
        age(found.metadata.creation_timestamp, now),
    ]


def _targets(metrics: Sequence[_Metric], statuses: Sequence[_Metric]) -> str:
    if not metrics:
        return NONE
    shown = [
        _target(metric, statuses[place] if place < len(statuses) else _Metric())
        for place, metric in enumerate(metrics[:METRICS_SHOWN])
    ]
    more = len(metrics) - METRICS_SHOWN
    return ", ".join(shown) + (f" + {more} more..." if more > 0 else "")


def _target(metric: _Metric, status: _Metric) -> str:
    wanted, found = metric.source(metric.type), status.source(metric.type)
    if wanted is None:
        return "<unknown type>"
    now = found.current if found is not None else _Value()
    if metric.type == "Pods":
        return f"{now.average_value or UNKNOWN}/{wanted.target.average_value}"
    if metric.type in ("External", "Object"):
        if wanted.target.average_value is not None:
            return f"{now.average_value or UNKNOWN}/{wanted.target.average_value} (avg)"
        return f"{now.value or UNKNOWN}/{wanted.target.value}"
    if wanted.target.average_value is not None:
        return f"{wanted.name}: {now.average_value or UNKNOWN}/{wanted.target.average_value}"
    return f"{wanted.name}: {_percent(now.average_utilization, UNKNOWN)}/{_percent(wanted.target.average_utilization, '<auto>')}"


def _percent(number: int | None, otherwise: str) -> str:
    return otherwise if number is None else f"{number}%"


AUTOSCALERS = Printer(
    (
        NAME,
        Column("Reference"),
        Column("Targets"),
        Column("MinPods"),
        Column("MaxPods"),
        Column("Replicas"),
        AGE,
    ),
    Autoscaler,
    _autoscaler,
)
