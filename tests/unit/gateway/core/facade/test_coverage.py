"""Whether the mirror can answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fairlead.contracts.identity import Resource
from fairlead.gateway.core.facade import coverage
from fairlead.gateway.core.facade.coverage import Answerer, Coverage, Standing
from fairlead.gateway.core.facade.targets import Target, Verb
from fairlead.gateway.core.states import ResourceState

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
LIVE = Standing(
    1, PODS, "", ResourceState.LIVE, NOW - timedelta(hours=1), False, 1, 50, None, NOW - timedelta(seconds=4), NOW
)


def target(namespace: str = "shop", version: str = "v1", group: str = "", plural: str = "pods") -> Target:
    """What is asked for."""
    return Target(Verb.LIST, group, version, plural, namespace)


def covered(*standings: Standing, by: Target) -> int | None:
    """The id of the reflector that answers."""
    found = coverage.standing_for(Coverage(1, 1, 0, standings), by)
    return None if found is None else found.id


def test_a_complete_reflector_covers_its_namespace() -> None:
    """One of all namespaces covers each; one of a namespace covers no other, nor all."""
    shop = replace(LIVE, id=2, namespace="shop")
    assert covered(LIVE, by=target("any")) == 1
    assert covered(shop, by=target("shop")) == 2
    assert covered(LIVE, shop, by=target("shop")) == 1
    assert covered(replace(LIVE, checkpoint=None), shop, by=target("shop")) == 2
    assert [covered(shop, by=target(namespace)) for namespace in ("other", "")] == [None, None]


def test_nothing_is_covered_before_the_first_list_or_in_another_version() -> None:
    """Bodies are as the API server writes the stored version; a list that is not complete would lack objects."""
    assert covered(replace(LIVE, checkpoint=None), by=target()) is None
    assert covered(LIVE, by=target(version="v2")) is None
    assert covered(by=target()) is None


@pytest.mark.parametrize(("state", "age_s", "lost", "who"), [
    (ResourceState.LIVE, 9e9, False, Answerer.STORE), (ResourceState.LISTING, 9e9, False, Answerer.STORE),
    (ResourceState.STALE, 299, True, Answerer.STORE), (ResourceState.STALE, 301, True, Answerer.NOBODY),
    (ResourceState.STALE, 299, False, Answerer.STORE), (ResourceState.STALE, 301, False, Answerer.CLUSTER),
    (ResourceState.REFUSED, 0, False, Answerer.CLUSTER), (ResourceState.GONE, 0, True, Answerer.CLUSTER),
])  # fmt: skip
def test_who_answers_depends_on_the_state(state: ResourceState, age_s: float, lost: bool, who: Answerer) -> None:
    """Old rows are no answer; what the cluster refuses it says itself."""
    standing = replace(LIVE, state=state, since=NOW - timedelta(seconds=min(age_s, 1e8)), lost=lost)
    assert coverage.answerer(standing, NOW, 300) is who
    namespaces = replace(standing, resource=Resource("", "v1", "namespaces", "Namespace", namespaced=False))
    assert coverage.answerer(namespaces, NOW, 300) is Answerer.STORE


@pytest.mark.parametrize(("age_s", "who"), [(299, Answerer.STORE), (301, Answerer.CLUSTER)])
def test_old_rows_do_not_become_fresh_by_a_list_that_begins(age_s: float, who: Answerer) -> None:
    """An agent that was away for hours lists; until that ends rows are as they were, and the cluster can be asked."""
    listing = replace(LIVE, state=ResourceState.LISTING, confirmed=NOW - timedelta(seconds=age_s))
    assert coverage.answerer(listing, NOW, 300) is who


def test_an_agent_that_is_lost_while_it_lists_leaves_old_rows_old() -> None:
    """One that fails again and again must not make them look like those of a minute ago."""
    lost, confirmed = NOW - timedelta(seconds=10), NOW - timedelta(hours=2)
    assert coverage.stale_since(ResourceState.LISTING, lost, confirmed) == confirmed
    assert coverage.stale_since(ResourceState.LISTING, lost, None) == lost
    assert coverage.stale_since(ResourceState.LIVE, lost, confirmed) == lost


def test_the_header_tells_how_fresh_rows_are() -> None:
    """State, age and, when something is wrong, since when."""
    assert coverage.freshness(LIVE, NOW) == "source=store; state=live; age=4"
    stale = replace(LIVE, state=ResourceState.STALE, heard=None)
    assert coverage.freshness(stale, NOW) == "source=store; state=stale; since=2026-05-04T11:00:00.000Z"


def test_secrets_are_never_read_and_redacted_config_maps_are_hidden() -> None:
    """What Clouddriver writes new versions from comes from the cluster."""
    assert coverage.is_never_read(target(plural="secrets"))
    assert not coverage.is_never_read(target(plural="secrets", group="other"))
    assert coverage.hides_redacted(target(plural="configmaps"))
    assert not coverage.hides_redacted(target())


def test_namespaces_do_not_wait_for_writes_while_the_agent_is_away() -> None:
    """Clouddriver would take the failure for an account without namespaces; any other list waits."""
    namespaces = replace(LIVE, resource=Resource("", "v1", "namespaces", "Namespace", namespaced=False))
    found = [coverage.must_wait(replace(each, lost=lost)) for each in (LIVE, namespaces) for lost in (False, True)]
    assert found == [True, True, True, False]
