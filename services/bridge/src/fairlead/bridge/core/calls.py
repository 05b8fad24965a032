"""Calls: which message belongs on which subject, and whose answer is whose."""

from __future__ import annotations

from typing import Generic, TypeVar

from fairlead.contracts.subjects import (
    CALL_CLAIM,
    CALL_DOCUMENT,
    CALL_REPORT,
    CALL_SESSION,
    CALL_STATES,
    CALL_VERSIONS,
)

W = TypeVar("W")

BODIES = {
    CALL_CLAIM: "claim_accounts",
    CALL_SESSION: "open_session",
    CALL_VERSIONS: "stored_versions_request",
    CALL_STATES: "resource_states",
    CALL_DOCUMENT: "document",
    CALL_REPORT: "operation_report",
}
"""The one body that `AgentFrame` may have on each subject."""


class Calls(Generic[W]):
    """Calls under way on one connection, each with whoever waits for its answer.

    Args:
        limit: calls that may be under way.

    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[int, W] = {}
        self._last_number = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, waiter: W) -> int | None:
        """Note who waits; returns the number of the call, None when too many are under way."""
        if len(self._waiting) >= self._limit:
            return None
        self._last_number += 1
        self._waiting[self._last_number] = waiter
        return self._last_number

    def end(self, number: int) -> W | None:
        """Forget a call; returns who waited for it, None when nobody does any more."""
        return self._waiting.pop(number, None)

    def end_all(self) -> list[W]:
        """Forget every call; returns those who waited."""
        waiters = list(self._waiting.values())
        self._waiting.clear()
        return waiters
