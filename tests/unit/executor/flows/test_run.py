"""Runs against a cluster in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.executor_doubles import PATH, MemoryCluster, OneCluster, job, manifest, target

from fairlead.contracts.operations import decode_request
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.core.retries import Retries
from fairlead.executor.errors import ApiRefused, NoAnswer
from fairlead.executor.flows.run import REPLACE_TURNS_MAX, Runner

AT_ONCE = Retries(max_retries=2, backoff_s=0.001)
UNSENT = NoAnswer("cannot connect", maybe_sent=False)
SILENT = NoAnswer("no answer", maybe_sent=True)
BUSY = ApiRefused(429, "TooManyRequests", "busy")
CONFLICT = ApiRefused(409, "Conflict", "it has changed")


async def run(
    cluster: MemoryCluster, *, doubt: bool = False, canceled: bool = False, retries: Retries = AT_ONCE, **request: Any
) -> Outcome:
    """Run one operation."""
    attempt = job(**request)
    runner = Runner(OneCluster(cluster), retries)
    return await runner.run(attempt, decode_request(attempt.request), is_canceled=lambda: canceled, doubt=doubt)


def told(outcome: Outcome) -> tuple[str, int, str]:
    """Verdict, code and reason."""
    return outcome.verdict.value, outcome.code, outcome.reason


def cluster_with(**metadata: Any) -> MemoryCluster:
    """A cluster with the ConfigMap."""
    standing = manifest(uid="uid-1", resourceVersion="5", **metadata)
    return MemoryCluster(objects={PATH: standing})


async def test_a_write_has_one_effect_under_its_own_audit_id() -> None:
    """The request that takes effect carries operation and attempt alone."""
    cluster = MemoryCluster()

    outcome = await run(cluster, kind="create", manifest=manifest())

    assert told(outcome) == ("succeeded", 201, "")
    assert (outcome.namespace, outcome.name, outcome.uid, outcome.version) == ("sea", "cargo", "uid-1", "11")
    assert cluster.effects == ["01JZ.1"]


@pytest.mark.parametrize("fault", [UNSENT, BUSY, ApiRefused(503, "ServiceUnavailable", "later")])
async def test_what_was_not_done_is_sent_again(fault: Exception) -> None:
    """A request that certainly had no effect is repeated, a bounded number of times."""
    cluster = MemoryCluster(before=[fault, fault])
    assert told(await run(cluster, kind="create", manifest=manifest())) == ("succeeded", 201, "")

    cluster = MemoryCluster(before=[fault] * 3)
    assert (await run(cluster, kind="create", manifest=manifest())).verdict == "failed"
    assert cluster.effects == []


@pytest.mark.parametrize("fault", [SILENT, ApiRefused(504, "Timeout", "etcd"), ApiRefused(500, "", "etcdserver: lost")])
async def test_a_lost_answer_is_unknown(fault: Exception) -> None:
    """An unfenced write whose answer was lost is not repeated; its outcome is unknown and says what to look at."""
    cluster = MemoryCluster(after=[fault])

    outcome = await run(cluster, kind="create", manifest=manifest())

    assert (outcome.verdict, outcome.reason) == ("unknown", "OutcomeUnknown")
    assert "create v1 ConfigMap sea/cargo: look at the object" in outcome.message
    assert cluster.effects == ["01JZ.1"]


async def test_a_fenced_write_is_repeated_after_a_lost_answer() -> None:
    """A fenced deletion is sent again and finds its object gone; a fenced replace meets its own fence and stays open."""
    cluster = cluster_with()
    cluster.after = [SILENT]
    outcome = await run(cluster, kind="delete", target=target(), uid="uid-1")
    assert told(outcome) == ("succeeded", 404, "NotFound")
    assert "earlier try" in outcome.message
    assert cluster.effects == ["01JZ.1"]

    cluster = cluster_with()
    cluster.after = [SILENT]
    outcome = await run(cluster, kind="replace", manifest=manifest(), resourceVersion="5")
    assert told(outcome) == ("unknown", 409, "OutcomeUnknown")
    assert cluster.effects == ["01JZ.1"]

    cluster = cluster_with()
    cluster.before = [SILENT]
    outcome = await run(cluster, kind="replace", manifest=manifest(), resourceVersion="5")
    assert told(outcome) == ("succeeded", 200, "")


async def test_silence_for_good_leaves_a_fenced_write_open() -> None:
    """When no repetition brings an answer, the outcome is unknown."""
    cluster = cluster_with()
    cluster.before = [SILENT, UNSENT, UNSENT]

    outcome = await run(cluster, kind="delete", target=target(), uid="uid-1")

    assert told(outcome) == ("unknown", 0, "OutcomeUnknown")


async def test_a_run_after_a_death_keeps_the_doubt() -> None:
    """A repetition that does not come to an effect cannot say that there was none."""
    assert (await run(cluster_with(), doubt=True, kind="delete", target=target(), uid="other")).verdict == "succeeded"
    unable = MemoryCluster(before=[UNSENT] * 3)
    assert (await run(unable, doubt=True, kind="delete", target=target(), uid="uid-1")).verdict == "unknown"
    unkind = await run(MemoryCluster(), doubt=True, kind="delete", target={**target(), "kind": "Whale"}, uid="u")
    assert (unkind.verdict, unkind.code) == ("unknown", 404)


async def test_reads_are_repeated_whatever_happened() -> None:
    """A read does no harm."""
    cluster = cluster_with()
    cluster.after = [SILENT, ApiRefused(500, "InternalError", "Timeout: too slow")]

    outcome = await run(cluster, kind="get", target=target())

    assert told(outcome) == ("succeeded", 200, "")
    assert json.loads(outcome.body)["metadata"]["uid"] == "uid-1"
    assert {audit_id for _, audit_id in cluster.requests} == {"01JZ.1.get"}
    assert (await run(MemoryCluster(), kind="get", target=target())).code == 404


async def test_dry_runs_leave_no_doubt() -> None:
    """A dry run without an answer failed, it is not unknown."""
    cluster = MemoryCluster(before=[SILENT] * 3)

    outcome = await run(cluster, kind="create", manifest=manifest(), dryRun=True)

    assert told(outcome) == ("failed", 503, "Unreachable")


async def test_unconditional_replace_takes_the_live_version() -> None:
    """What changes between the read and the write is read again, a bounded number of times; a named version is not."""
    cluster = cluster_with()
    assert told(await run(cluster, kind="replace", manifest=manifest())) == ("succeeded", 200, "")
    assert [audit_id for _, audit_id in cluster.requests] == ["01JZ.1.read", "01JZ.1"]

    cluster = cluster_with()
    cluster.before = [None, CONFLICT, None, None]
    assert told(await run(cluster, kind="replace", manifest=manifest())) == ("succeeded", 200, "")

    cluster = cluster_with()
    cluster.before = [None, CONFLICT] * REPLACE_TURNS_MAX
    assert told(await run(cluster, kind="replace", manifest=manifest())) == ("failed", 409, "Conflict")

    cluster = cluster_with()
    assert (await run(cluster, kind="replace", manifest=manifest(), resourceVersion="1")).code == 409
    assert len(cluster.requests) == 1
    assert told(await run(MemoryCluster(), kind="replace", manifest=manifest())) == ("failed", 404, "NotFound")


async def test_cancellation_and_time() -> None:
    """Before anything took effect both end the run; afterwards neither does."""
    canceled = await run(MemoryCluster(), canceled=True, kind="create", manifest=manifest())
    assert told(canceled) == ("failed", 0, "Canceled")
    late = await run(MemoryCluster(), kind="create", manifest=manifest(), timeoutSeconds=1e-9)
    assert told(late) == ("failed", 504, "Timeout")
    assert (
        await run(MemoryCluster(), doubt=True, kind="delete", target=target(), uid="u", timeoutSeconds=1e-9)
    ).verdict == "unknown"

    cluster = cluster_with()
    cluster.after = [SILENT]
    assert (
        await run(cluster, doubt=True, canceled=True, kind="delete", target=target(), uid="uid-1")
    ).verdict == "succeeded"


async def test_what_cannot_be_run() -> None:
    """Foreign accounts, unknown kinds and bad names are plain failures that need no request."""
    cluster = MemoryCluster()
    unknown = await run(cluster, kind="get", target={**target(), "kind": "Whale"})
    assert told(unknown) == ("failed", 404, "NoKindMatch")
    bad = await run(cluster, kind="patch", target=target(), patch=1, patchType="json")
    assert told(bad) == ("failed", 400, "BadRequest")
    attempt = job(account="other", kind="get", target=target())
    foreign = await Runner(OneCluster(cluster), AT_ONCE).run(
        attempt, decode_request(attempt.request), is_canceled=lambda: False
    )
    assert told(foreign) == ("failed", 404, "NoSuchAccount")
    assert cluster.requests == []
