"""Cells of objects, as the gateway prints them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from fairlead.gateway.core.facade.tables.rendering import render_table

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
DAY_OLD = "2026-02-28T12:00:00Z"


def cells(group: str, plural: str, **parts: Any) -> list[Any]:
    """The row of one object, a day old and called ``web``, with these parts."""
    metadata = {"name": "web", "creationTimestamp": DAY_OLD, **parts.pop("metadata", {})}
    table = render_table(group, plural, [json.dumps({"metadata": metadata, **parts}).encode()], "None", NOW)
    assert table is not None
    (row,) = json.loads(table)["rows"]
    return list(row["cells"])
