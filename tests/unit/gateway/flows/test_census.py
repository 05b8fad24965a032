"""Figures that one gateway tells for all."""

from __future__ import annotations

from collections import deque

from prometheus_client import REGISTRY

from fairlead.gateway.flows.census import Census
from fairlead.gateway.ports.census import Counted


class ScriptedCounts:
    """Gives one count after the other."""

    def __init__(self, *counts: Counted) -> None:
        self.counts = deque(counts)

    async def count(self) -> Counted:
        """The next one."""
        return self.counts.popleft()


def lag(account: str, resource: str) -> float | None:
    """What is told of a resource."""
    return REGISTRY.get_sample_value("fairlead_gateway_lag_seconds", {"account": account, "resource": resource})


def state(account: str, name: str) -> float | None:
    """What is told of a state."""
    return REGISTRY.get_sample_value("fairlead_gateway_resources", {"account": account, "state": name})


def open_operations(name: str) -> float | None:
    """What is told of operations."""
    return REGISTRY.get_sample_value("fairlead_gateway_operations_open", {"state": name})


async def test_what_is_gone_is_not_told_any_more() -> None:
    """An account that was removed leaves no series behind, nor does a state that no resource is in."""
    first = Counted({("a", "pods"): 3.0, ("b", "pods"): 4.0}, {("a", "live"): 1, ("b", "stale"): 1}, {("pending",): 2})
    census = Census(ScriptedCounts(first, Counted({("a", "pods"): 5.0}, {("a", "listing"): 1}, {("pending",): 0})))
    await census.step()
    assert (lag("a", "pods"), lag("b", "pods"), state("b", "stale"), open_operations("pending")) == (3, 4, 1, 2)

    await census.step()
    assert (lag("a", "pods"), lag("b", "pods")) == (5, None)
    assert (state("a", "live"), state("a", "listing"), state("b", "stale")) == (None, 1, None)
    assert open_operations("pending") == 0


async def test_who_stands_by_tells_nothing() -> None:
    """Otherwise the gateway that had the duty before would go on with old figures."""
    census = Census(ScriptedCounts(Counted({("c", "pods"): 3.0}, {("c", "live"): 1}, {("sent",): 2})))
    await census.step()
    census.stand_by()

    assert (lag("c", "pods"), state("c", "live"), open_operations("sent")) == (None, None, None)
