"""Dashboards are such as Grafana takes: numbered, laid out, explained, and free of the data sources of one installation."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from tests.contract.observability.described import dashboards, panels

from fairlead.runtime.spans import EVENT, EXCHANGE, OPERATION

PAGES = dashboards()
EVERY = [pytest.param(name, page, id=name) for name, page in PAGES.items()]
COLUMNS = 24
UNITS = {"short", "none", "s", "ops", "reqps", "bytes", "Bps", "percentunit"}
"""Of Grafana's units (packages/grafana-data/src/valueFormats/categories.ts) those that we use."""
SOURCES = ({"type": "prometheus", "uid": "${metrics}"}, {"type": "jaeger", "uid": "${traces}"})


def test_the_pages_are_all_there() -> None:
    """The fleet, one account, operations, and each service."""
    names = ("fleet", "account", "operations", "watcher", "scrubber", "bridge", "executor", "gateway")

    assert set(PAGES) == {f"fairlead-{name}.json" for name in names}


@pytest.mark.parametrize(("name", "page"), EVERY)
def test_a_page_is_named_as_its_file(name: str, page: dict[str, Any]) -> None:
    """Links between pages use the uid; Grafana takes at most 40 letters."""
    assert name == f"{page['uid']}.json"
    assert len(page["uid"]) <= 40
    assert page["title"]
    assert page["description"]
    assert page["tags"] == ["fairlead"]


@pytest.mark.parametrize(("name", "page"), EVERY)
def test_panels_are_numbered_and_titled_apart(name: str, page: dict[str, Any]) -> None:
    """Ids are unique on a page; so are titles, by which people speak of panels."""
    ids = [panel["id"] for panel in page["panels"]]
    titles = [panel["title"] for panel in panels(page)]

    assert sorted(set(ids)) == ids
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(("name", "page"), EVERY)
def test_a_panel_explains_itself(name: str, page: dict[str, Any]) -> None:
    """Each has a description, a unit and something to show."""
    for panel in panels(page):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["targets"], panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references), panel["title"]


@pytest.mark.parametrize(("name", "page"), EVERY)
def test_data_sources_are_chosen_by_the_reader(name: str, page: dict[str, Any]) -> None:
    """Panels, queries and variables name the page's own choices of a Prometheus and a Jaeger."""
    choices = {each["name"]: each["query"] for each in page["templating"]["list"] if each["type"] == "datasource"}
    named = [panel["datasource"] for panel in panels(page)]
    named += [target["datasource"] for panel in panels(page) for target in panel["targets"]]
    named += [each["datasource"] for each in page["templating"]["list"] if each["type"] == "query"]

    assert choices == {"metrics": "prometheus", "traces": "jaeger"}
    assert all(each in SOURCES for each in named)


@pytest.mark.parametrize(("name", "page"), EVERY)
def test_panels_do_not_overlap(name: str, page: dict[str, Any]) -> None:
    """Each stands within the columns and covers no other."""
    places = [panel["gridPos"] for panel in page["panels"]]

    assert all(place["x"] >= 0 and place["x"] + place["w"] <= COLUMNS for place in places)
    assert not [(one, other) for one, other in combinations(places, 2) if _overlap(one, other)]


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def test_links_between_pages_lead_somewhere() -> None:
    """What is written as a link to a page names one."""
    urls = [
        link["url"]
        for page in PAGES.values()
        for panel in panels(page)
        for override in panel["fieldConfig"]["overrides"]
        for change in override["properties"]
        if change["id"] == "links"
        for link in change["value"]
    ]
    inner = [url.removeprefix("/d/").partition("?")[0] for url in urls if url.startswith("/d/")]

    assert inner
    assert set(inner) <= {page["uid"] for page in PAGES.values()}


def test_traces_begin_with_spans_that_exist() -> None:
    """Each search of traces names a service and the span with which its traces begin."""
    searches = [
        target
        for page in PAGES.values()
        for panel in panels(page)
        for target in panel["targets"]
        if target["datasource"]["type"] == "jaeger"
    ]
    roots = {step.name for step in (*EVENT, *OPERATION, *EXCHANGE) if not step.below}

    assert {target["operation"] for target in searches} == roots
    assert all(target["service"] == f"fairlead-{target['operation'].split('.')[0]}" for target in searches)
