"""Tables as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.tables import NOW, cells

from fairlead.gateway.core.facade.tables.rendering import PRINTERS, render_table

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "uid": "u"},
    "status": {"phase": "Failed"},
}


def _table(*bodies: dict[str, Any], include: str = "None") -> Any:
    rendered = render_table("", "pods", [json.dumps(body).encode() for body in bodies], include, NOW)
    assert rendered is not None
    return json.loads(rendered)


@pytest.mark.parametrize("kind", PRINTERS, ids=lambda kind: kind[1])
def test_rows_are_as_long_as_their_head(kind: tuple[str, str]) -> None:
    """A cell for each column, also of an object of which nothing is known."""
    assert len(cells(*kind)) == len(PRINTERS[kind].columns)


def test_what_rows_hold() -> None:
    """Nothing, metadata or the object; pods that have ended say so."""
    (row,) = _table(POD)["rows"]
    assert row["object"] is None
    assert [condition["reason"] for condition in row["conditions"]] == ["Failed"]
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": POD["metadata"]}
    assert _table(POD, include="Metadata")["rows"][0]["object"] == partial
    assert _table(POD, include="Object")["rows"][0]["object"] == POD


def test_a_table_without_rows() -> None:
    """It still has its columns."""
    table = _table()
    assert (table["kind"], table["apiVersion"], table["rows"]) == ("Table", "meta.k8s.io/v1", [])
    assert [column["name"] for column in table["columnDefinitions"]][:3] == ["Name", "Ready", "Status"]
    assert [column["priority"] for column in table["columnDefinitions"]] == [0, 0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("plural", "include", "body"),
    [
        ("boats", "None", b"{}"),
        ("pods", "Everything", b"{}"),
        ("pods", "", b"{}"),
        ("pods", "None", b"{"),
        ("pods", "None", b'{"spec": []}'),
        ("pods", "Metadata", b"{}"),
    ],
)
def test_what_is_left_to_the_cluster(plural: str, include: str, body: bytes) -> None:
    """Other kinds, other wishes, and objects that make no sense."""
    assert render_table("", plural, [body], include, NOW) is None
