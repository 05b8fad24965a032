"""Keeping an account: claims, refusals, new resources, notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY
from tests.support.watcher_doubles import FakeCluster, FakeGateway, FakeScrubber, changed, state_names, until
from tests.support.watching import PODS, key, seen

from fairlead.contracts.identity import Resource
from fairlead.runtime.errors import ConfigurationError
from fairlead.watcher.core.sampling import Sampler
from fairlead.watcher.core.scope import Scope
from fairlead.watcher.errors import (
    AccessRefused,
    AccountRefused,
    ClusterUnavailable,
    GatewayUnavailable,
    ResourceGone,
    VersionForgotten,
)
from fairlead.watcher.flows import account as module
from fairlead.watcher.flows.account import Account, AccountPlan, Accounts
from fairlead.watcher.flows.hop import RawHop
from fairlead.watcher.flows.pace import Pace
from fairlead.watcher.flows.states import StateBoard
from fairlead.watcher.ports import Catalogue, Cluster, State

DEFINITIONS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)
WIDGETS = Resource("example.com", "v1", "widgets", "Widget", True)


@asynccontextmanager
async def running(
    cluster: FakeCluster, gateway: FakeGateway, connect_errors: list[Exception] | None = None
) -> AsyncIterator[tuple[Account, Accounts]]:
    """Run one account."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Cluster]:
        if connect_errors:
            raise connect_errors.pop(0)
        yield cluster

    states = StateBoard(gateway, lambda: 1)
    hop = RawHop(FakeScrubber(), 10**6, Sampler(0))
    subject = Account(AccountPlan("shop", connect, Scope()), gateway, hop, states, asyncio.Semaphore(5), Pace())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(subject.run())
        yield subject, Accounts([subject])
        task.cancel()


async def test_an_account_is_claimed_before_anything_is_listed() -> None:
    """The gateway hears who the cluster is; the discovery document follows."""
    cluster, gateway = FakeCluster(), FakeGateway()
    async with running(cluster, gateway):
        await until(lambda: bool(gateway.documents) and bool(gateway.opened))

    assert gateway.claims[0].account == "shop"
    assert gateway.claims[0].cluster.identity == "uid"
    assert cluster.asked[:2] == ["describe", "discover"]


@pytest.mark.parametrize("error", [ConfigurationError("no such file"), ClusterUnavailable("away")])
async def test_a_cluster_that_cannot_be_reached_is_tried_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bad credentials and absent servers are logged and retried; nothing else suffers."""
    monkeypatch.setattr(
        module, "Backoff", lambda **_: type("Now", (), {"next_s": lambda *_a, **_k: 0.001, "reset": lambda _: None})()
    )
    gateway = FakeGateway()
    async with running(FakeCluster(), gateway, [error]):
        await until(lambda: bool(gateway.claims))


async def test_an_account_that_waits_is_counted() -> None:
    """A cluster that never answered has no resource that could show its trouble."""

    def waiting() -> float | None:
        return REGISTRY.get_sample_value("fairlead_watcher_backing_off", {"account": "shop"})

    before = waiting() or 0.0
    async with running(FakeCluster(), FakeGateway(), [ClusterUnavailable("away")]):
        await until(lambda: waiting() == before + 1)

    assert waiting() == before


async def test_a_refused_account_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals are asked again until a person has decided; until then nothing is opened."""
    monkeypatch.setattr(module, "REFUSED_RETRY_S", 0.01)
    gateway = FakeGateway(claim_errors=[AccountRefused("no"), GatewayUnavailable("away", retry_after_s=0.001)])
    async with running(FakeCluster(), gateway):
        await until(lambda: bool(gateway.opened))

    assert not gateway.claim_errors


async def test_a_new_link_hears_the_claim_again() -> None:
    """The bridge has a new connection, which knows nothing of the accounts."""
    gateway = FakeGateway()
    async with running(FakeCluster(), gateway) as (_, everyone):
        await until(lambda: bool(gateway.opened))
        everyone.link(connected=True)
        await until(lambda: len(gateway.claims) == 2)


async def test_a_new_link_is_told_what_the_cluster_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its gateway may be another one, or have lost its database; the former link was told the same once only."""
    monkeypatch.setattr(module, "DISCOVERY_PAUSE_S", 0.01)
    gateway = FakeGateway()
    async with running(FakeCluster(), gateway) as (_, everyone):
        await until(lambda: len(gateway.documents) == 1)
        everyone.link(connected=True)
        await until(lambda: len(gateway.documents) == 2)

    assert len(set(gateway.documents)) == 1


async def test_a_group_that_cannot_be_asked_is_asked_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing tells when whoever serves it is back."""
    monkeypatch.setattr(module, "DISCOVERY_PAUSE_S", 0.01)
    monkeypatch.setattr(module, "UNCERTAIN_INTERVAL_S", 0.01)
    cluster = FakeCluster(catalogue=Catalogue((PODS,), (), {"": b"1"}, frozenset({"metrics.k8s.io"})))
    gateway = FakeGateway()
    async with running(cluster, gateway):
        await until(lambda: bool(gateway.documents))
        cluster.catalogue = Catalogue((PODS,), (), {"": b"2"})
        await until(lambda: b"2" in gateway.documents)


async def test_a_claim_is_renewed_by_and_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """The notice of a new link is a hint that may be lost; time is the other reason to claim again."""
    monkeypatch.setattr(module, "CLAIM_INTERVAL_S", 0.01)
    gateway = FakeGateway()
    async with running(FakeCluster(), gateway):
        await until(lambda: len(gateway.claims) >= 3)


async def test_new_definitions_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed CustomResourceDefinition makes the account look again, and a kind that appeared is watched."""
    monkeypatch.setattr(module, "DISCOVERY_PAUSE_S", 0.01)
    cluster, gateway = (
        FakeCluster(catalogue=Catalogue((DEFINITIONS,), ("Widget.example.com",), {"": b"1"})),
        FakeGateway(),
    )
    async with running(cluster, gateway) as (subject, _):
        await until(lambda: "watch 10" in cluster.asked)
        cluster.catalogue = Catalogue((DEFINITIONS, WIDGETS), (), {"": b"2"})
        await cluster.live.put([changed(seen("widgets.example.com", 11, namespace=""))])
        await until(lambda: len(subject.reflectors) == 2)
        await until(lambda: gateway.documents == [b"1", b"2"])


async def test_a_kind_that_comes_back_is_followed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind that is gone makes the account look again, and its reflector is told when it is served."""
    monkeypatch.setattr(module, "DISCOVERY_PAUSE_S", 0.01)
    gone: list[Exception] = [ResourceGone("removed")]
    cluster = FakeCluster(errors={"pages": gone}, catalogue=Catalogue((WIDGETS,), (), {"": b"1"}))
    async with running(cluster, FakeGateway()):
        await until(lambda: "watch 10" in cluster.asked)

    assert cluster.asked.count("discover") == 2


async def test_notices_reach_the_session_they_name() -> None:
    """A closed session is opened again, a repair is fetched, unknown sessions are nobody's."""
    cluster, gateway = FakeCluster([seen("a", 3)], catalogue=Catalogue((PODS,), (), {"": b""})), FakeGateway()
    async with running(cluster, gateway) as (_, everyone):
        await until(lambda: "watch 10" in cluster.asked)
        everyone.session_closed("unknown", "gap")
        everyone.repair("unknown", [key("a")], relist=False)
        everyone.repair("session-1", [key("a")], relist=False)
        await until(lambda: "get a" in cluster.asked)
        everyone.session_closed("session-1", "superseded")
        await until(lambda: len(gateway.opened) == 2)
        await until(lambda: cluster.asked.count("watch 10") == 2)
        everyone.repair("session-2", [], relist=True)
        await until(lambda: len(gateway.opened) == 3)


async def test_a_failed_look_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Discovery that fails, at first or later, is tried again; what is followed goes on in its session."""
    monkeypatch.setattr(module, "DISCOVERY_PAUSE_S", 0.01)
    away: list[Exception] = [ClusterUnavailable("away")]
    cluster, gateway = FakeCluster(errors={"discover": away}), FakeGateway()
    async with running(cluster, gateway) as (subject, _):
        await until(lambda: "watch 10" in cluster.asked)
        away += [VersionForgotten("410"), AccessRefused("403")]
        subject.reflectors["", "pods", ""][0].on_gone()
        await until(lambda: not away)
        assert len(gateway.opened) == 1


async def test_a_kind_that_is_not_told_any_more_is_followed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the kind's own answer says that it is gone."""
    monkeypatch.setattr(module, "DISCOVERY_PAUSE_S", 0.01)
    cluster, gateway = FakeCluster(), FakeGateway()
    async with running(cluster, gateway) as (subject, _):
        await until(lambda: "watch 10" in cluster.asked)
        cluster.catalogue = Catalogue((), ("Pod",), {"": b"2"})
        subject.reflectors["", "pods", ""][0].on_gone()
        await until(lambda: gateway.documents[-1:] == [b"2"])
        assert subject.reflectors["", "pods", ""][0].session == "session-1"


async def test_a_kind_has_one_reflector_when_its_preferred_version_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mirror knows one writer of a kind: the one of the former version ends before another begins.

    A group that cannot be asked in full is not believed: it may only seem to prefer another version.
    """
    monkeypatch.setattr(module, "DISCOVERY_PAUSE_S", 0.01)
    newer = replace(WIDGETS, version="v2")
    cluster, gateway = FakeCluster(catalogue=Catalogue((WIDGETS,), (), {"": b"1"})), FakeGateway()
    async with running(cluster, gateway) as (subject, _):
        await until(lambda: "watch 10" in cluster.asked)
        cluster.catalogue = Catalogue((newer,), (), {"": b"2"}, frozenset({"example.com"}))
        subject.reflectors["example.com", "widgets", ""][0].on_gone()
        await until(lambda: gateway.documents[-1:] == [b"2"])
        assert len(gateway.opened) == 1

        cluster.catalogue = Catalogue((newer,), (), {"": b"3"})
        subject.reflectors["example.com", "widgets", ""][0].on_gone()
        await until(lambda: len(gateway.opened) == 2)
        (reflector, _), *others = subject.reflectors.values()

    assert (reflector.selection.resource, others) == (newer, [])


async def test_states_are_told_again_with_the_claim() -> None:
    """A gateway takes states of claimed accounts only, and may have marked them stale while the link was away."""
    gateway = FakeGateway()
    async with running(FakeCluster(), gateway) as (subject, everyone), asyncio.TaskGroup() as group:
        telling = group.create_task(subject.states.run())
        await until(lambda: state_names(gateway)[-1:] == [State.LIVE])
        told = len(gateway.states)
        everyone.link(connected=True)
        await until(lambda: len(gateway.states) == told + 1)
        telling.cancel()

    assert len(gateway.claims) == 2
