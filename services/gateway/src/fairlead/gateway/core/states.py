"""How a resource stands in the mirror: what its watcher reports, and what the gateway itself knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fairlead.contracts.identity import Resource


class ResourceState(StrEnum):
    """State of one reflector."""

    LISTING = "listing"
    LIVE = "live"
    STALE = "stale"
    """Rows stand as they were; nothing was heard of the cluster since."""
    REFUSED = "refused"
    """The cluster forbids it; retried slowly."""
    GONE = "gone"
    """The cluster no longer serves the kind."""


@dataclass(frozen=True, slots=True)
class StateReport:
    """What a watcher says about one of its reflectors."""

    account: str
    resource: Resource
    namespace: str
    state: ResourceState
    since: datetime
    message: str = ""


HEARD = frozenset({ResourceState.LISTING, ResourceState.LIVE})
"""States that say that the watcher hears of changes; without the watcher they are `STALE`."""


def effective(state: ResourceState, *, lost: bool) -> ResourceState:
    """The state that readers see; ``lost``: nothing came from the agent since its link broke."""
    return ResourceState.STALE if lost and state in HEARD else state
