"""Waiting until objects are gone."""

from __future__ import annotations

from tests.support.executor_doubles import PATH, MemoryCluster, manifest, target
from tests.unit.executor.flows.test_run import SILENT, cluster_with, run, told

from fairlead.executor.errors import ApiRefused

FORBIDDEN = ApiRefused(403, "Forbidden", "no watch")


async def test_an_object_that_goes_at_once() -> None:
    """One look proves it."""
    cluster = cluster_with()

    outcome = await run(cluster, kind="delete", target=target())

    assert (told(outcome), outcome.uid, outcome.body) == (("succeeded", 200, ""), "uid-1", b"")
    assert [audit_id for _, audit_id in cluster.requests] == ["01JZ.1", "01JZ.1.wait"]


async def test_an_object_that_takes_its_time() -> None:
    """A watch tells of the end; one that ends early, is refused or breaks is made up for by looks."""
    cluster = cluster_with(finalizers=["x"])
    cluster.watches = [False, FORBIDDEN, SILENT, True]

    outcome = await run(cluster, kind="delete", target=target(), timeoutSeconds=30)

    assert told(outcome) == ("succeeded", 200, "")
    assert len(cluster.requests) == 1 + 4 * 2


async def test_another_object_under_the_name() -> None:
    """The object that was deleted is gone when its name has another UID."""
    cluster = cluster_with(finalizers=["x"])

    class Reborn(MemoryCluster):
        async def wait_deleted(self, *_: object, **__: object) -> bool:
            self.objects[PATH] = manifest(uid="uid-2", resourceVersion="99")
            return False

    reborn = Reborn(objects=cluster.objects)
    assert told(await run(reborn, kind="delete", target=target())) == ("succeeded", 200, "")
    assert reborn.objects


async def test_an_object_that_stays() -> None:
    """When the time is over the finalizers are named, and the cluster was not asked without pause."""
    cluster = cluster_with(finalizers=["example.test/anchor"])

    outcome = await run(cluster, kind="delete", target=target(), timeoutSeconds=0.4)

    assert told(outcome) == ("failed", 504, "StillTerminating")
    assert outcome.message.endswith("it waits for its finalizers: example.test/anchor")
    assert len(cluster.requests) < 12


async def test_what_is_not_waited_for() -> None:
    """Neither a grace period above zero, nor a dry run, nor a request that says so."""
    for request in ({"wait": False}, {"gracePeriodSeconds": 30}, {"dryRun": True}):
        cluster = cluster_with(finalizers=["x"])
        assert told(await run(cluster, kind="delete", target=target(), **request)) == ("succeeded", 200, "")
        assert len(cluster.requests) == 1
