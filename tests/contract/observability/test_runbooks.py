"""Each alert has its runbook, all of one shape, and the settings and panels that they name exist.

Their commands are checked with those of all documents.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.contract.observability.described import alerts, dashboards, panels
from tests.support.source_tree import ROOT

FOLDER = ROOT / "docs/operations"
HEADINGS = ["# {name}", "## Symptom", "## Meaning", "## What to do"]
PAGES = {path.stem: path for path in sorted(FOLDER.glob("Fairlead*.md"))}
EVERY = [pytest.param(path, id=name) for name, path in PAGES.items()]

_CODE = re.compile(r"`([^`]+)`")
_SETTING = re.compile(r"[a-z]+(?:\.[a-zA-Z]+(?:\[\])?)+")
_PANEL = re.compile(r"page,\s+\*([^*]+)\*")


def code(path: Path) -> list[str]:
    """What stands in a page as code."""
    return [" ".join(found.split()) for found in _CODE.findall(path.read_text(encoding="utf-8"))]


def test_each_alert_has_its_page() -> None:
    """One page for each alert, and none for alerts that are gone; the address in the alert ends with the page."""
    assert {rule["alert"] for rule in alerts()} == set(PAGES)
    for rule in alerts():
        assert rule["annotations"]["runbook_url"].endswith(f"/docs/operations/{rule['alert']}.md")
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}


@pytest.mark.parametrize("path", EVERY)
def test_pages_have_one_shape(path: Path) -> None:
    """Symptom, meaning, what to do: each with something below it, and steps that are numbered."""
    lines = path.read_text(encoding="utf-8").splitlines()
    headings = [line for line in lines if line.startswith("#")]

    assert headings == [heading.format(name=path.stem) for heading in HEADINGS]
    for heading in headings[1:]:
        assert len(lines[lines.index(heading) + 2]) > 20, heading
    assert lines[lines.index("## What to do") + 2].startswith("1. ")


@pytest.mark.parametrize("path", EVERY)
def test_settings_exist(path: Path) -> None:
    """Each setting that a page names is one."""
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    settings = [each for each in code(path) if _SETTING.fullmatch(each)]

    assert not [each for each in settings if f"`{each}`" not in page]


def test_panels_exist() -> None:
    """Panels that the pages send people to are on some dashboard."""
    titles = {panel["title"] for page in dashboards().values() for panel in panels(page)}
    named = {name for path in PAGES.values() for name in _PANEL.findall(path.read_text(encoding="utf-8"))}

    assert named
    assert named <= titles
