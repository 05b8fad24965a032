"""What is counted in the database for all gateways together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Counted(NamedTuple):
    """How mirror and operations stand."""

    lags: Mapping[tuple[str, str], float]
    """By account and resource: seconds since its rows were last known to be complete; of several namespaces the longest."""
    resources: Mapping[tuple[str, str], float]
    """By account and state: how many."""
    operations: Mapping[tuple[str], float]
    """By state that is not final: how many."""


class CensusStore(Protocol):
    """The database, for the census."""

    async def count(self) -> Counted:
        """Count once; may raise `DatabaseUnavailable`."""
        ...
