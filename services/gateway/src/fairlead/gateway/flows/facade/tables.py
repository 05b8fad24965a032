"""Tables as of now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from fairlead.gateway.core.facade.tables.rendering import render_table


def render(group: str, plural: str, bodies: Sequence[bytes], include: str) -> bytes | None:
    """`TableRenderer`: a table in which ages are counted up to now."""
    return render_table(group, plural, bodies, include, datetime.now(UTC))
