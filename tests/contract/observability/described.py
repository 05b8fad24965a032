"""Everything that dashboards and alerts ask, as the committed files hold it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from tests.support.source_tree import ROOT

FOLDER = ROOT / "infra/observability"
DASHBOARDS = FOLDER / "dashboards"
ALERTS = FOLDER / "alerts.yaml"


@dataclass(frozen=True)
class Question:
    """One query, and where it stands."""

    place: str
    expr: str
    shown: str
    """The text that names labels of the answer: a legend, or an alert's annotations."""
    exemplars: bool = False


def dashboards() -> dict[str, dict[str, Any]]:
    """Each dashboard by the name of its file."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))}


def panels(page: dict[str, Any]) -> list[dict[str, Any]]:
    """What shows something; headings do not."""
    return [panel for panel in page["panels"] if panel["type"] != "row"]


def alerts() -> list[dict[str, Any]]:
    """Each rule."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panel_questions() -> Iterator[Question]:
    """Queries of panels."""
    for name, page in dashboards().items():
        for panel in panels(page):
            for target in panel["targets"]:
                if "expr" in target:
                    place = f"{name}: {panel['title']}"
                    yield Question(place, target["expr"], target.get("legendFormat", ""), target.get("exemplar", False))


def alert_questions() -> Iterator[Question]:
    """Queries of alerts."""
    for rule in alerts():
        yield Question(rule["alert"], rule["expr"], " ".join(rule["annotations"].values()))


def variable_questions() -> Iterator[tuple[Question, str]]:
    """Queries of variables, with the label whose values they list."""
    for name, page in dashboards().items():
        for variable in page["templating"]["list"]:
            if variable["type"] == "query":
                selector, _, label = (
                    variable["definition"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
                )
                yield Question(f"{name}: ${variable['name']}", selector, ""), label


def questions() -> list[Question]:
    """Every query."""
    return [*panel_questions(), *alert_questions(), *(question for question, _ in variable_questions())]


def filled_in(expr: str) -> str:
    """A query as Grafana would send it, with everything chosen."""
    return (
        expr.replace("$__rate_interval", "1m")
        .replace('"$account"', '"shop"')
        .replace("$instance", ".*")
        .replace("$account", ".*")
    )
