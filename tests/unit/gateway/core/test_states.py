"""States as readers see them."""

from __future__ import annotations

from fairlead.gateway.core.states import ResourceState, effective


def test_a_lost_agent_makes_stale_what_would_be_heard() -> None:
    """What the cluster itself refused or removed stays so."""
    assert effective(ResourceState.LIVE, lost=True) is ResourceState.STALE
    assert effective(ResourceState.LISTING, lost=True) is ResourceState.STALE
    assert effective(ResourceState.REFUSED, lost=True) is ResourceState.REFUSED
    assert effective(ResourceState.GONE, lost=True) is ResourceState.GONE
    assert effective(ResourceState.LIVE, lost=False) is ResourceState.LIVE
