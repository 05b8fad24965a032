"""Waiting until objects are gone."""

from __future__ import annotations

import json

import pytest
from tests.support.executor_doubles import PATH, MemoryCluster, OneCluster, answered, job, manifest, target
from tests.unit.executor.flows.test_run import AT_ONCE, SILENT, UNSENT, cluster_with, run, told

from fairlead.contracts.operations import decode_request
from fairlead.executor.errors import ApiRefused
from fairlead.executor.flows.run import Runner
from fairlead.executor.ports import Answer, Page

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


async def test_waiting_is_called_off() -> None:
    """The deletion stands, and is told."""
    cluster = cluster_with(finalizers=["x"])
    attempt = job(kind="delete", target=target(), timeoutSeconds=3600)
    runner = Runner(OneCluster(cluster), AT_ONCE)

    def is_canceled() -> bool:
        return len(cluster.requests) > 2

    outcome = await runner.run(attempt, decode_request(attempt.request), is_canceled=is_canceled)

    assert (told(outcome), outcome.message) == (
        ("failed", 0, "Canceled"), "the deletion was accepted; then: it was canceled",
    )  # fmt: skip


async def test_an_object_that_cannot_be_looked_at() -> None:
    """An account that may delete and not read is not told that the object is there still."""
    cluster = MemoryCluster(scripted={
        ("DELETE", PATH): [answered({"kind": "Status", "details": {"name": "cargo", "uid": "uid-1"}})],
        ("GET", PATH): [FORBIDDEN],
    })  # fmt: skip

    outcome = await run(cluster, kind="delete", target=target(), timeoutSeconds=0.2)

    assert told(outcome) == ("failed", 504, "StillTerminating")
    assert "nobody could look whether the object is gone" in outcome.message


async def test_what_is_not_waited_for() -> None:
    """Neither a grace period above zero, nor a dry run, nor a request that says so."""
    for request in ({"wait": False}, {"gracePeriodSeconds": 30}, {"dryRun": True}):
        cluster = cluster_with(finalizers=["x"])
        assert told(await run(cluster, kind="delete", target=target(), **request)) == ("succeeded", 200, "")
        assert len(cluster.requests) == 1


async def test_nothing_to_delete_is_no_failure_where_that_is_wanted() -> None:
    """The code stays what it was; a kind that is missing is a failure all the same."""
    outcome = await run(MemoryCluster(), kind="delete", target=target(), ignoreNotFound=True)
    assert (told(outcome), outcome.message) == (("succeeded", 404, "NotFound"), "there was nothing to delete")

    unknown = {"kind": "Whale", "name": "x"}
    assert told(await run(MemoryCluster(), kind="delete", target=unknown, ignoreNotFound=True))[0] == "failed"


def several(*names: str) -> Page:
    """Objects that a selector finds."""
    items = [{"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "5"}} for name in names]
    return Page([json.dumps(item).encode() for item in items], "7", "", None)


def selected(*names: str, **answers: list[Answer | Exception]) -> MemoryCluster:
    """A cluster where deletions are answered as told, well unless told otherwise, and all is gone afterwards."""
    scripted: dict[tuple[str, str], list[Answer | Exception]] = {}
    for name in names:
        path = PATH.replace("cargo", name)
        scripted["DELETE", path] = answers.get(name, [answered({"kind": "Status"})])
        scripted["GET", path] = [ApiRefused(404, "NotFound", "gone")]
    return MemoryCluster(scripted=scripted, pages=[several(*names)])


ALL = {"kind": "ConfigMap", "namespace": "sea"}


async def test_all_that_a_selector_finds_is_deleted() -> None:
    """Each under its UID; the result names them; what went meanwhile is not among them."""
    cluster = selected("a", "b", "c", b=[ApiRefused(404, "NotFound", "gone")], c=[SILENT, answered({})])

    outcome = await run(cluster, kind="delete", target=ALL, labelSelector="x=y")

    assert (told(outcome), outcome.message) == (("succeeded", 200, ""), "deleted: a, c")
    assert json.loads(outcome.body) == {"deleted": [{"name": "a", "uid": "uid-a"}, {"name": "c", "uid": "uid-c"}]}
    sent = [json.loads(request.body) for request, _ in cluster.requests if request.method == "DELETE"]
    assert [body["preconditions"] for body in sent] == [
        {"uid": "uid-a"}, {"uid": "uid-b"}, {"uid": "uid-c"}, {"uid": "uid-c"},
    ]  # fmt: skip


async def test_a_selector_that_finds_nothing() -> None:
    """Is no failure."""
    outcome = await run(selected(), kind="delete", target=ALL, labelSelector="x=y")

    assert (told(outcome), outcome.message) == (("succeeded", 200, ""), "there was nothing to delete")


async def test_a_deletion_that_ends_in_the_middle() -> None:
    """What is done is told, refused or unknown."""
    refused = selected("a", "b", b=[ApiRefused(403, "Forbidden", "you may not")])
    outcome = await run(refused, kind="delete", target=ALL, labelSelector="x=y")
    assert (told(outcome), outcome.message) == (
        ("failed", 403, "Forbidden"), "deleted: a; then b was refused: you may not",
    )  # fmt: skip

    outcome = await run(selected("a", "b", b=[UNSENT]), kind="delete", target=ALL, labelSelector="x=y")
    assert told(outcome) == ("failed", 503, "Unreachable")
    assert "deleted: a; then b could not be deleted" in outcome.message


@pytest.mark.parametrize("left_open", [SILENT, ApiRefused(500, "", "etcdserver: request timed out")])
async def test_a_deletion_of_several_without_a_clear_answer(left_open: Exception) -> None:
    """It is unknown, whether no answer came or one that leaves it open; what went before is told."""
    outcome = await run(selected("a", "b", b=[left_open]), kind="delete", target=ALL, labelSelector="x=y")
    assert told(outcome)[0] == "unknown"
    assert outcome.message.startswith("deleted: a; then, for b: ")


async def test_a_deletion_that_is_canceled_in_the_middle() -> None:
    """It had an effect, and says which."""
    cluster = selected("a", "b")
    attempt = job(kind="delete", target=ALL, labelSelector="x=y")
    runner = Runner(OneCluster(cluster), AT_ONCE)

    def is_canceled() -> bool:
        return any(request.method == "DELETE" for request, _ in cluster.requests)

    outcome = await runner.run(attempt, decode_request(attempt.request), is_canceled=is_canceled)

    assert (told(outcome), outcome.message) == (("failed", 0, "Canceled"), "deleted: a; then: it was canceled")
