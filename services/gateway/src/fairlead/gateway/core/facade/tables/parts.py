"""What printers share: columns, metadata, containers, and how ages, labels and selectors are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

NONE = "<none>"
UNSET = "<unset>"
UNKNOWN = "<unknown>"
_MINUTE_S, _HOUR_S = 60, 3600
_DAY_H, _YEAR_H = 24, 24 * 365
Cell = str | int | bool


class Part(msgspec.Struct, rename="camel", frozen=True):
    """A part of an object, of which printers read a few fields."""


class Metadata(Part, frozen=True):
    """What printers read of an object's metadata."""

    name: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    annotations: dict[str, str] | None = None


class Container(Part, frozen=True):
    """A container of a pod or a template."""

    name: str = ""
    image: str = ""
    restart_policy: str | None = None


class Condition(Part, frozen=True):
    """A condition in a status."""

    type: str = ""
    status: str = ""
    reason: str = ""


class Requirement(Part, frozen=True):
    """One expression of a selector."""

    key: str
    operator: str
    values: list[str] | None = None


class Selector(Part, frozen=True):
    """A label selector."""

    match_labels: dict[str, str] | None = None
    match_expressions: list[Requirement] | None = None


class _PodSpec(Part, frozen=True):
    containers: tuple[Container, ...] = ()
    node_selector: dict[str, str] | None = None


class Template(Part, frozen=True):
    """A pod template."""

    spec: _PodSpec = _PodSpec()


@dataclass(frozen=True, slots=True)
class Column:
    """One column; those of a priority above 0 are for ``-o wide``."""

    name: str
    type: str = "string"
    priority: int = 0
    format: str = ""


@dataclass(frozen=True, slots=True)
class Printer:
    """How objects of a kind are printed."""

    columns: tuple[Column, ...]
    kind: type[msgspec.Struct]
    """What is read of an object."""
    cells: Callable[[Any, datetime], list[Cell]]
    """A row of an object, at a time; as long as the columns are many."""


NAME = Column("Name", format="name")
AGE = Column("Age")
CONTAINERS = (Column("Containers", priority=1), Column("Images", priority=1))
SELECTOR = Column("Selector", priority=1)


def age(since: datetime | None, now: datetime) -> str:
    """How long ago something was."""
    return UNKNOWN if since is None else duration((now - since).total_seconds())


def duration(seconds: float) -> str:
    """A duration with two or three figures (k8s.io/apimachinery, ``duration.HumanDuration``)."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * _MINUTE_S:
        return f"{max(whole, 0)}s"
    minutes, hours = whole // _MINUTE_S, whole // _HOUR_S
    if minutes < 10:
        return _two(minutes, "m", whole % _MINUTE_S, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 2 * _DAY_H:
        return f"{hours}h"
    if hours < 8 * _DAY_H:
        return _two(hours // _DAY_H, "d", hours % _DAY_H, "h")
    if hours < 2 * _YEAR_H:
        return f"{hours // _DAY_H}d"
    if hours < 8 * _YEAR_H:
        return _two(hours // _YEAR_H, "y", hours // _DAY_H % 365, "d")
    return f"{hours // _YEAR_H}y"


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def container_cells(template: Template) -> list[Cell]:
    """Names and images."""
    containers = template.spec.containers
    return [",".join(each.name for each in containers), ",".join(each.image for each in containers)]


def labels(found: Mapping[str, str] | None) -> str:
    """Labels in their order."""
    return _pairs(found) or NONE


def selector(found: Selector | None) -> str:
    """A selector, `NONE` for one that selects everything or nothing."""
    return bare_selector(found) or NONE


def bare_selector(found: Selector | None) -> str:
    """A selector as ``labels.Selector.String`` writes it, empty for one that selects everything or nothing."""
    if found is None:
        return ""
    terms = [(key, f"{key}={value}") for key, value in (found.match_labels or {}).items()]
    terms += [(each.key, _expression(each)) for each in found.match_expressions or []]
    return ",".join(text for _, text in sorted(terms, key=lambda term: term[0]))


def _expression(requirement: Requirement) -> str:
    values = ",".join(sorted(requirement.values or []))
    match requirement.operator:
        case "In":
            return f"{requirement.key} in ({values})"
        case "NotIn":
            return f"{requirement.key} notin ({values})"
        case "DoesNotExist":
            return f"!{requirement.key}"
    return requirement.key


def _pairs(found: Mapping[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((found or {}).items()))


def is_true(conditions: Iterable[Condition] | None, type_: str) -> bool:
    """Whether the first condition of a type holds."""
    return next((each.status == "True" for each in conditions or () if each.type == type_), False)
