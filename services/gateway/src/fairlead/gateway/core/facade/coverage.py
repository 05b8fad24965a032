"""Whether the mirror can answer for a resource: which reflector covers what is asked, and how fresh its rows are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from fairlead.contracts.identity import Resource
from fairlead.gateway.core.facade.freshness import instant
from fairlead.gateway.core.facade.targets import Target
from fairlead.gateway.core.states import ResourceState

_SECRETS = ("", "secrets")
_CONFIG_MAPS = ("", "configmaps")
_ALWAYS = frozenset({("", "namespaces"), ("apiextensions.k8s.io", "customresourcedefinitions")})


@dataclass(frozen=True, slots=True)
class Standing:
    """One reflector as readers see it."""

    id: int
    resource: Resource
    namespace: str
    """Empty: all of them."""
    state: ResourceState
    since: datetime
    lost: bool
    """The agent is away, and nothing came since."""
    epoch: int
    checkpoint: int | None
    """Everything up to this version is in the rows; None: the first list is not complete."""
    outlived: int | None
    """Versions up to this one were seen in earlier epochs, so they name no single state."""
    heard: datetime | None
    confirmed: datetime | None
    """When the checkpoint was last confirmed: the rows lack nothing that happened before."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """An account's reflectors of one resource, in one snapshot of the database."""

    nonce: int
    change: int
    """Of the last change that the snapshot shows."""
    floor: int
    """Cursors below it have expired."""
    standings: Sequence[Standing] = ()


class Answerer(Enum):
    """Who answers."""

    STORE = auto()
    CLUSTER = auto()
    """The rows cannot say."""
    NOBODY = auto()
    """The rows are too old, and the agent is away."""


def is_never_read(target: Target) -> bool:
    """Whether the rows are never asked: the mirror holds nothing of Secrets but metadata."""
    return (target.group, target.plural) == _SECRETS


def hides_redacted(target: Target) -> bool:
    """Whether a redacted row must not be shown: Clouddriver writes new versions of ConfigMaps from what a list shows."""
    return (target.group, target.plural) == _CONFIG_MAPS


def standing_for(coverage: Coverage, target: Target) -> Standing | None:
    """The reflector that covers what is asked, in the version that is asked for, once its first list is complete."""
    for wanted in dict.fromkeys(("", target.namespace)):
        for standing in coverage.standings:
            complete = standing.checkpoint is not None and standing.resource.version == target.version
            if standing.namespace == wanted and complete:
                return standing
    return None


def must_wait(standing: Standing) -> bool:
    """Whether rows that lack a write must not be shown; those without which nothing works are, while nobody can be asked."""
    return not (standing.lost and (standing.resource.group, standing.resource.plural) in _ALWAYS)


def answerer(standing: Standing, now: datetime, stale_s: float) -> Answerer:
    """Who answers, by the state of a reflector.

    Namespaces and definitions of custom resources come from the rows however old they are: Clouddriver takes a failure for an
    empty list, and kubectl knows no kinds without them. A resource that is stale while the agent is there is asked live;
    so is one that is being listed after a long time, as when an agent was away: until the list ends its rows are as of before.
    """
    if (standing.resource.group, standing.resource.plural) in _ALWAYS:
        return Answerer.STORE
    match standing.state:
        case ResourceState.LISTING if standing.confirmed and (now - standing.confirmed).total_seconds() > stale_s:
            return Answerer.CLUSTER
        case ResourceState.LIVE | ResourceState.LISTING:
            return Answerer.STORE
        case ResourceState.STALE:
            if (now - standing.since).total_seconds() <= stale_s:
                return Answerer.STORE
            return Answerer.NOBODY if standing.lost else Answerer.CLUSTER
        case ResourceState.REFUSED | ResourceState.GONE:
            return Answerer.CLUSTER


def stale_since(reported: ResourceState, lost: datetime, confirmed: datetime | None) -> datetime:
    """Since when rows are stale whose agent is lost: longer, when it was lost before it had listed what they lack."""
    return min(lost, confirmed) if reported is ResourceState.LISTING and confirmed else lost


def freshness(standing: Standing, now: datetime) -> str:
    """The header that says how fresh the rows are; ``age`` is in seconds since anything was heard of the reflector."""
    told = f"source=store; state={standing.state.value}"
    if standing.heard is not None:
        told += f"; age={max(0, int((now - standing.heard).total_seconds()))}"
    if standing.state not in (ResourceState.LIVE, ResourceState.LISTING):
        told += f"; since={instant(standing.since)}"
    return told
