"""The header that tells how old an answer is that does not come from the cluster itself."""

from __future__ import annotations

from datetime import UTC, datetime

FRESHNESS = "Fairlead-Freshness"


def of_document(stored: datetime) -> str:
    """Value for a document: it holds as long as nothing newer came since."""
    return f"source=document; stored={instant(stored)}"


def instant(moment: datetime) -> str:
    """A time as headers tell it: RFC 3339, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
