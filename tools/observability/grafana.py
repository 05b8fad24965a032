"""Dashboards as short descriptions, and Grafana's JSON made of them.

The form is Grafana's dashboard model: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fairlead.runtime.spans import Step

Json = dict[str, Any]

SCHEMA_VERSION = 39
COLUMNS = 24
METRICS: Json = {"type": "prometheus", "uid": "${metrics}"}
TRACES: Json = {"type": "jaeger", "uid": "${traces}"}
TAG = "fairlead"
_HIDDEN = {"Time": True, "__name__": True, "alertstate": True}
"""Columns of tables that say the same in each line."""


@dataclass(frozen=True)
class Query:
    """One query of a panel; ``exemplars`` shows traces behind a histogram."""

    expr: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True)
class Panel:
    """One picture. ``unit`` is one of Grafana's unit ids; ``options`` and ``custom`` are of Grafana's panel type ``kind``."""

    kind: str
    title: str
    description: str
    unit: str
    targets: tuple[Json, ...]
    width: int
    height: int = 8
    options: Mapping[str, Any] = field(default_factory=dict)
    custom: Mapping[str, Any] = field(default_factory=dict)
    thresholds: tuple[tuple[float | None, str], ...] = ((None, "green"),)
    overrides: tuple[Json, ...] = ()
    transformations: tuple[Json, ...] = ()
    datasource: Mapping[str, Any] = field(default_factory=lambda: METRICS)

    def render(self, number: int, x: int, y: int) -> Json:
        """The panel as Grafana has it."""
        steps = [{"color": color, "value": value} for value, color in self.thresholds]
        defaults = {"unit": self.unit, "custom": dict(self.custom), "thresholds": {"mode": "absolute", "steps": steps}}
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": dict(self.datasource),
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": defaults, "overrides": list(self.overrides)},
            "options": dict(self.options),
            "targets": [{"refId": chr(ord("A") + index), **target} for index, target in enumerate(self.targets)],
            "transformations": list(self.transformations),
        }


@dataclass(frozen=True)
class Row:
    """Panels under one heading, from left to right."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """What the reader chooses: a value of a label, or all of them."""

    name: str
    label: str
    values: str
    several: bool = True

    def render(self) -> Json:
        """The variable as Grafana has it."""
        chosen: Json = {"includeAll": True, "allValue": ".*", "multi": True} if self.several else {}
        return {
            "type": "query",
            "name": self.name,
            "label": self.label,
            "datasource": METRICS,
            "query": {"query": self.values, "refId": self.name},
            "definition": self.values,
            "refresh": 2,
            "sort": 1,
            "includeAll": False,
            "multi": False,
            **chosen,
        }


@dataclass(frozen=True)
class Dashboard:
    """One page."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()

    def render(self) -> str:
        """The page as a file that Grafana provisions."""
        chosen = [_datasource("metrics", "Prometheus", "prometheus"), _datasource("traces", "Jaeger", "jaeger")]
        page = {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "10s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "links": [_pages()],
            "templating": {"list": [*chosen, *(each.render() for each in self.variables)]},
            "annotations": {"list": []},
            "panels": list(_laid_out(self.rows)),
        }
        return json.dumps(page, indent=2, ensure_ascii=False) + "\n"


def series(title: str, description: str, unit: str, *queries: Query, stacked: bool = False, width: int = 8) -> Panel:
    """Lines over time."""
    stacking = {"mode": "normal" if stacked else "none", "group": "A"}
    return Panel(
        "timeseries",
        title,
        description,
        unit,
        tuple(_over_time(query) for query in queries),
        width,
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        custom={"drawStyle": "line", "fillOpacity": 10, "showPoints": "never", "stacking": stacking},
    )


def stat(  # noqa: PLR0913 - what a figure is
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    bad_from: float | None = None,
    bad_below: float | None = None,
) -> Panel:
    """One figure of now; red from a value on, or below one."""
    thresholds: tuple[tuple[float | None, str], ...] = ((None, "green"),)
    if bad_from is not None:
        thresholds = ((None, "green"), (bad_from, "red"))
    elif bad_below is not None:
        thresholds = ((None, "red"), (bad_below, "green"))
    return Panel(
        "stat",
        title,
        description,
        unit,
        (_over_time(query),),
        4,
        4,
        options={
            "colorMode": "value",
            "graphMode": "area",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
        thresholds=thresholds,
    )


def heatmap(title: str, description: str, buckets: str, *, width: int = 12) -> Panel:
    """A histogram over time, with the traces behind it."""
    target = {**_over_time(Query(buckets, "{{le}}", exemplars=True)), "format": "heatmap"}
    return Panel(
        "heatmap",
        title,
        description,
        "s",
        (target,),
        width,
        options={
            "calculate": False,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange"},
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "tooltip": {"mode": "single", "yHistogram": False},
            "yAxis": {"axisPlacement": "left", "unit": "s"},
        },
    )


def table(
    title: str, description: str, columns: Mapping[str, str], *, links: Mapping[str, str], width: int = 24
) -> Panel:
    """One row for each set of labels; ``columns`` are headings with their queries, ``links`` where a label's value leads."""
    letters = [chr(ord("A") + index) for index in range(len(columns))]
    named = [
        _override(f"Value #{letter}", {"displayName": heading})
        for letter, heading in zip(letters, columns, strict=True)
    ]
    if len(columns) == 1:  # Grafana numbers the values of several queries only
        named = [_override("Value", {"displayName": next(iter(columns))})]
    linked = [_override(label, {"links": [{"title": label, "url": url}]}) for label, url in links.items()]
    return Panel(
        "table",
        title,
        description,
        "short",
        tuple(_now(query) for query in columns.values()),
        width,
        options={"cellHeight": "sm", "showHeader": True},
        overrides=(*named, *linked),
        transformations=(
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {"excludeByName": _HIDDEN, "indexByName": {}, "renameByName": {}}},
        ),
    )


def traces(title: str, description: str, root: Step, *, tags: str = "") -> Panel:
    """The latest traces that begin with a span, perhaps only those with some tags; each leads to its spans."""
    service = f"fairlead-{root.name.partition('.')[0]}"
    search: Json = {
        "datasource": TRACES,
        "queryType": "search",
        "service": service,
        "operation": root.name,
        "limit": 20,
    }
    target = {**search, "tags": tags} if tags else search
    options = {"cellHeight": "sm", "showHeader": True}
    return Panel("table", title, description, "none", (target,), COLUMNS // 2, options=options, datasource=TRACES)


def _over_time(query: Query) -> Json:
    target = {"datasource": METRICS, "expr": query.expr, "legendFormat": query.legend, "range": True}
    return {**target, "exemplar": True} if query.exemplars else target


def _now(expr: str) -> Json:
    return {"datasource": METRICS, "expr": expr, "format": "table", "instant": True, "range": False}


def _override(name: str, properties: Json) -> Json:
    changed = [{"id": key, "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": changed}


def _datasource(name: str, label: str, plugin: str) -> Json:
    return {
        "type": "datasource",
        "name": name,
        "label": label,
        "query": plugin,
        "refresh": 1,
        "includeAll": False,
        "multi": False,
    }


def _pages() -> Json:
    shared = {
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
    return {"type": "dashboards", "title": "Fairlead", "tags": [TAG], "asDropdown": True, **shared}


def _laid_out(rows: Iterable[Row]) -> Iterator[Json]:
    """Headings and panels in reading order, numbered from 1, each line as high as its highest panel."""
    number = y = 0
    for row in rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            "panels": [],
        }
        y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            number += 1
            yield panel.render(number, x, y)
            x, height = x + panel.width, max(height, panel.height)
        y += height
