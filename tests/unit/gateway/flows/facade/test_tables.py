"""Tables as of now."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from fairlead.gateway.flows.facade.tables import render


def test_ages_are_counted_up_to_now() -> None:
    """By this machine's clock."""
    made = (datetime.now(UTC) - timedelta(hours=5, minutes=30, seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = json.dumps({"metadata": {"name": "web", "creationTimestamp": made}}).encode()
    rendered = render("", "serviceaccounts", [body], "None")
    assert rendered is not None
    assert json.loads(rendered)["rows"][0]["cells"] == ["web", "5h30m"]
