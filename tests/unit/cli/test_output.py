"""Answers as tables, JSON and YAML."""

from __future__ import annotations

import json

import pytest
import yaml

from fairlead.cli.output import Format, show, table


def test_columns_line_up() -> None:
    """As wide as their widest cell; what is missing is a dash; a cell never breaks the line."""
    text = table({"NAME": ["a", "longer"], "NOTE": [None, "two\nlines"], "LIST": [["x", "y"], []]}, empty="-")

    assert text.splitlines() == ["NAME     NOTE        LIST", "a        -           x,y", "longer   two lines   -"]


def test_no_rows_are_said() -> None:
    """Instead of bare headings."""
    assert table({"NAME": []}, empty="no tokens") == "no tokens"


def test_programs_get_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON and YAML hold the same, a table is for people."""
    document = {"items": [{"name": "web"}]}
    show(document, Format.JSON, "t")
    assert json.loads(capsys.readouterr().out) == document
    show(document, Format.YAML, "t")
    assert yaml.safe_load(capsys.readouterr().out) == document
    show(document, Format.TABLE, "t")
    assert capsys.readouterr().out == "t\n"
