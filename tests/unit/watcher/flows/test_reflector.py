"""Following one resource: when it lists, resumes, starts over, waits, and what it tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from tests.support.watcher_doubles import FakeCluster, FakeGateway, FakeScrubber, changed, state_names, until
from tests.support.watching import PODS, key, seen

from fairlead.watcher.core.sampling import Sampler
from fairlead.watcher.core.scope import Selection
from fairlead.watcher.core.session import Known
from fairlead.watcher.errors import AccessRefused, ClusterUnavailable, ResourceGone, SessionClosed, VersionForgotten
from fairlead.watcher.flows.hop import RawHop
from fairlead.watcher.flows.pace import Budget, Pace
from fairlead.watcher.flows.reflector import Reflector
from fairlead.watcher.flows.states import StateBoard
from fairlead.watcher.ports import Item, Seen, State

FAST = Pace(inventory_interval_s=3600, refused_retry_s=0.01, retry_base_s=0.001, retry_max_s=0.01, short_watch_s=0.0)


@dataclass
class Bench:
    """A running reflector and its doubles."""

    reflector: Reflector
    cluster: FakeCluster
    gateway: FakeGateway
    scrubber: FakeScrubber


@asynccontextmanager
async def running(
    cluster: FakeCluster, gateway: FakeGateway | None = None, pace: Pace = FAST, pending_bytes_max: int = 10**6
) -> AsyncIterator[Bench]:
    """Run a reflector with everything around it."""
    gateway, scrubber = gateway or FakeGateway(), FakeScrubber()
    hop = RawHop(scrubber, pending_bytes_max, Sampler(0))
    states = StateBoard(gateway, lambda: 1)
    budget = Budget(asyncio.Semaphore(1), asyncio.Semaphore(1), "shore")
    selection = Selection(PODS, "", "", frozenset({"hidden"}))
    reflector = Reflector("account", "uid", selection, cluster, gateway, hop, states, budget, pace)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in (reflector.run(), states.run(), hop.lane())]
        yield Bench(reflector, cluster, gateway, scrubber)
        for task in tasks:
            task.cancel()


async def test_a_first_sync_lists_and_then_watches() -> None:
    """Everything listed is sent, an inventory follows, and the watch goes on from the list's version."""
    async with running(FakeCluster([seen("a", 3), seen("b", 4)])) as bench:
        await until(lambda: "watch 10" in bench.cluster.asked)
        await bench.cluster.live.put([changed(seen("c", 11))])
        await until(lambda: bench.scrubber.names()[-1:] == ["c"])
        await until(lambda: state_names(bench.gateway)[-1:] == [State.LIVE])

    assert sorted(bench.scrubber.names()) == ["a", "b", "c"]
    inventories = [part.inventory for batch in bench.scrubber.decoded() for part in batch.parts if part.inventory]
    assert [entry.key.name for entry in inventories[0].entries] == ["a", "b"]


async def test_a_young_checkpoint_is_resumed_from_without_a_list() -> None:
    """The API server is asked for its version and for a watch, nothing else."""
    async with running(FakeCluster(), FakeGateway(checkpoint=7)) as bench:
        await until(lambda: "watch 7" in bench.cluster.asked)

    assert bench.cluster.asked == ["version", "watch 7"]


async def test_an_old_checkpoint_is_listed_over() -> None:
    """Beyond `maxResumableResourceAgeMs` the checkpoint only bounds the list from below."""
    async with running(FakeCluster([seen("a", 3)]), FakeGateway(checkpoint=7, age_ms=10**9)) as bench:
        await until(lambda: "watch 10" in bench.cluster.asked)

    assert "pages" in bench.cluster.asked


async def test_a_forgotten_version_begins_a_new_session_with_a_list() -> None:
    """410 is never retried at the same version."""
    cluster = FakeCluster([seen("a", 3)], errors={"watch 7": [VersionForgotten("gone")]})
    async with running(cluster, FakeGateway(checkpoint=7)) as bench:
        await until(lambda: "watch 10" in cluster.asked and bench.scrubber.names() == ["a"])

    assert len(bench.gateway.opened) == 2


async def test_a_server_without_streaming_lists_is_listed_by_pages() -> None:
    """The refusal is remembered by the cluster's adapter; the list begins in a session of its own."""
    cluster = FakeCluster([seen("a", 3)], streams_lists=True)
    async with running(cluster) as bench:
        await until(lambda: "watch 10" in cluster.asked and bench.scrubber.names() == ["a"])

    assert cluster.asked.count("stream") == 1


async def test_changes_within_a_streaming_list_count() -> None:
    """Until the end of its list a server that catches up sends deletions too; what follows the end is left to the watch."""
    cluster = FakeCluster([seen("a", 3), seen("b", 4)], streams_lists=True)
    cluster.while_listed = [Item(Seen.DELETED, 7, seen("a", 7)), changed(seen("b", 8))]
    cluster.after_list = [changed(seen("c", 11))]
    async with running(cluster) as bench:
        await until(lambda: "watch 10" in cluster.asked)
        await until(lambda: {"a", "b"} <= set(bench.scrubber.names()))

    inventories = [part.inventory for batch in bench.scrubber.decoded() for part in batch.parts if part.inventory]
    assert [entry.key.name for entry in inventories[0].entries] == ["b"]
    assert "c" not in bench.scrubber.names()


async def test_a_refused_kind_is_shown_and_tried_again() -> None:
    """403 is a state of the resource, not an absence; when it is granted the resource comes alive."""
    cluster = FakeCluster(errors={"pages": [AccessRefused("no")]})
    async with running(cluster) as bench:
        await until(lambda: State.LIVE in state_names(bench.gateway))

    assert State.REFUSED in state_names(bench.gateway)


async def test_a_removed_kind_is_gone_not_empty() -> None:
    """404 of the collection deletes nothing: no inventory, no event goes out."""
    cluster = FakeCluster(errors={"pages": [ResourceGone("no") for _ in range(1000)]})
    async with running(cluster) as bench:
        await until(lambda: State.GONE in state_names(bench.gateway))

    assert bench.scrubber.batches == []


async def test_a_kind_that_is_served_again_is_followed_at_once() -> None:
    """A kind that went away asks for a look at what is served, and does not wait out the slow retry when it is back."""
    cluster = FakeCluster(errors={"pages": [ResourceGone("no")]})
    async with running(cluster, pace=replace(FAST, refused_retry_s=3600)) as bench:
        bench.reflector.on_gone = bench.reflector.served
        await until(lambda: State.LIVE in state_names(bench.gateway))

    assert cluster.asked.count("pages") == 2


async def test_a_broken_watch_goes_on_in_the_same_session() -> None:
    """A cut connection is stale for a moment, and needs neither a list nor a session."""
    cluster = FakeCluster([seen("a", 3)])
    async with running(cluster) as bench:
        await until(lambda: "watch 10" in cluster.asked)
        await cluster.live.put([changed(seen("a", 12))])
        await cluster.live.put(ClusterUnavailable("cut"))
        cluster.at = 12
        await until(lambda: "watch 12" in cluster.asked)
        await until(lambda: state_names(bench.gateway)[-1:] == [State.LIVE])

    assert State.STALE in state_names(bench.gateway)
    assert len(bench.gateway.opened) == 1


async def test_staleness_keeps_its_beginning_while_watches_fail() -> None:
    """An API server that answers its version but no watch is not shown as live at each attempt."""
    errors: list[Exception] = [ClusterUnavailable("429") for _ in range(5)]
    cluster = FakeCluster([seen("a", 3)], errors={"watch 10": errors})
    async with running(cluster, pace=replace(FAST, short_watch_s=0.05)) as bench:
        await until(lambda: not errors)
        await until(lambda: state_names(bench.gateway)[-1:] == [State.LIVE])

    told = state_names(bench.gateway)
    assert told[told.index(State.STALE) :] == [State.STALE, State.LIVE]


async def test_a_closed_session_is_opened_again() -> None:
    """After a notice of the gateway the reflector resumes in a new session."""
    async with running(FakeCluster(), FakeGateway(checkpoint=7)) as bench:
        await until(lambda: bench.reflector.session == "session-1")
        bench.reflector.end_session("gap")
        await until(lambda: bench.cluster.asked.count("watch 7") == 2)

    assert "pages" not in bench.cluster.asked


async def test_a_session_that_is_closed_while_it_lists_is_opened_again() -> None:
    """Another writer, or a restored database, may close a session before its list has begun."""
    gateway = FakeGateway(stored_errors=[SessionClosed("superseded")])
    async with running(FakeCluster([seen("a", 3)]), gateway) as bench:
        await until(lambda: "watch 10" in bench.cluster.asked)

    assert len(gateway.opened) == 2


async def test_a_restored_cluster_begins_a_new_epoch() -> None:
    """The epoch that ended is told with the next opening, and everything is listed."""
    async with running(FakeCluster([seen("a", 3)], at=10), FakeGateway(highest=50)) as bench:
        await until(lambda: len(bench.gateway.opened) >= 2)

    assert bench.gateway.opened[1] == (bench.gateway.opened[0][0], 1, 1)


async def test_repairs_are_fetched_by_name() -> None:
    """What the mirror lacks is read and sent again, whatever the gateway thought it held."""
    gateway = FakeGateway(known={key("a"): Known(1, 3, "uid-a")})
    async with running(FakeCluster([seen("a", 3)]), gateway) as bench:
        await until(lambda: "watch 10" in bench.cluster.asked)
        bench.reflector.repair([key("a"), key("unknown")])
        await until(lambda: bench.scrubber.names() == ["a"])

    assert "get unknown" in bench.cluster.asked


async def test_a_repair_that_fails_ends_nothing() -> None:
    """Whatever the API server answers, the next inventory shows the hole again."""
    errors: list[Exception] = [VersionForgotten("410"), AccessRefused("403")]
    gateway = FakeGateway(known={key("a"): Known(1, 3, "uid-a")})
    async with running(FakeCluster([seen("a", 3)], errors={"get a": errors}), gateway) as bench:
        await until(lambda: "watch 10" in bench.cluster.asked)
        for _ in range(3):
            bench.reflector.repair([key("a")])
        await until(lambda: bench.scrubber.names() == ["a"])

    assert len(gateway.opened) == 1


async def test_overload_gives_bodies_up_and_lists_again() -> None:
    """Nothing grows beyond the bound: the session ends, and a list follows when there is room."""
    cluster = FakeCluster()
    async with running(cluster, pending_bytes_max=4000) as bench:
        await until(lambda: "watch 10" in cluster.asked)
        bench.scrubber.open.clear()
        for number in range(40):
            await cluster.live.put([changed(seen(f"o{number}", 11 + number, body=b"x" * 1000))])
        await until(lambda: len(bench.gateway.opened) == 2)
        bench.scrubber.open.set()
        await until(lambda: cluster.asked.count("pages") == 2)


async def test_omitted_namespaces_are_neither_sent_nor_told() -> None:
    """`omitNamespaces` filters lists and watches alike, and its events still move the position."""
    cluster = FakeCluster([seen("a", 3, namespace="hidden"), seen("b", 4)])
    async with running(cluster) as bench:
        await until(lambda: "watch 10" in cluster.asked and bench.scrubber.names() == ["b"])
        await cluster.live.put([changed(seen("c", 11, namespace="hidden")), Item(Seen.DELETED, 12, seen("b", 12))])
        await until(lambda: bench.scrubber.names() == ["b", "b"])

    told = [part.inventory.entries for batch in bench.scrubber.decoded() for part in batch.parts if part.inventory]
    assert [entry.key.name for entry in told[0]] == ["b"]


async def test_inventories_after_a_resume_start_from_a_list_of_names() -> None:
    """The first inventory of a resumed session costs one list of metadata; the map it fills is then kept."""
    pace = Pace(inventory_interval_s=0.02, retry_base_s=0.001, retry_max_s=0.01)
    async with running(FakeCluster([seen("a", 3)], at=7), FakeGateway(checkpoint=7), pace) as bench:
        await until(lambda: sum(part.inventory is not None for b in bench.scrubber.decoded() for part in b.parts) >= 2)

    assert bench.cluster.asked.count("names") == 1
