"""Jobs against a cluster in memory."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.support.executor_doubles import WORKLOADS, MemoryCluster, answered
from tests.unit.executor.core.test_jobs import with_condition
from tests.unit.executor.flows.test_run import SILENT, run, told

from fairlead.executor.errors import ApiRefused
from fairlead.executor.flows import jobs

JOBS = "/apis/batch/v1/namespaces/sea/jobs"
TAR = f"{JOBS}/tar"
MISSING = ApiRefused(404, "NotFound", "not there")
MANIFEST = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "tar", "namespace": "sea"}}


def state(uid: str = "new", **fields: Any) -> dict[str, Any]:
    """The Job."""
    return {"metadata": {"name": "tar", "uid": uid, "resourceVersion": "7"}, **fields}


def cluster(*looks: Any, **scripted: Any) -> MemoryCluster:
    """A cluster; looks at the Job are answered one after the other."""
    script: Any = {("POST", JOBS): [answered(state(), 201)], ("GET", TAR): list(looks)}
    script |= {("DELETE", TAR): scripted["delete"]} if "delete" in scripted else {}
    return MemoryCluster(kinds=WORKLOADS, scripted=script)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LOOK_PAUSE_S", 0.01)


async def test_a_job_is_created_and_left_alone() -> None:
    """Unless it is to be waited for."""
    of = cluster()

    assert told(await run(of, kind="runJob", manifest=MANIFEST)) == ("succeeded", 201, "")
    assert [audit_id for _, audit_id in of.requests] == ["01JZ.1"]


async def test_a_job_is_followed() -> None:
    """A Job that fails fails the operation, and shows itself; one that takes longer is told of."""
    of = cluster(answered(state()), answered(state(**with_condition("Complete"))))
    outcome = await run(of, kind="runJob", manifest=MANIFEST, wait=True)
    assert (told(outcome), outcome.message) == (("succeeded", 201, ""), "m")

    outcome = await run(
        cluster(answered(state(**with_condition("Failed")))), kind="runJob", manifest=MANIFEST, wait=True
    )
    assert told(outcome) == ("failed", 0, "JobFailed")
    assert json.loads(outcome.body)["status"]["failed"] == 2

    outcome = await run(cluster(answered(state())), kind="runJob", manifest=MANIFEST, wait=True, timeoutSeconds=0.1)
    assert told(outcome) == ("failed", 504, "StillRunning")
    assert "goes on" in outcome.message


async def test_a_look_without_an_end_hides_nothing() -> None:
    """The time is over under the second look at the Job: what the first one saw is told."""
    of = cluster(answered(state()))

    async def hang(moment: str) -> None:
        if moment == "send" and len(of.requests) == 3:
            await asyncio.Event().wait()

    of.gate = hang
    outcome = await run(of, kind="runJob", manifest=MANIFEST, wait=True, timeoutSeconds=0.5)

    assert told(outcome) == ("failed", 504, "StillRunning")
    assert json.loads(outcome.body) == state()


async def test_a_former_job_makes_room() -> None:
    """It is deleted under its UID and waited for; then the new one is created."""
    of = cluster(answered(state("old")), MISSING, delete=[answered(state("old"))])

    outcome = await run(of, kind="runJob", manifest=MANIFEST, recreate=True)

    assert told(outcome) == ("succeeded", 201, "")
    assert [audit_id for _, audit_id in of.requests] == ["01JZ.1.read", "01JZ.1.delete", "01JZ.1.wait", "01JZ.1"]
    assert json.loads(of.requests[1][0].body)["preconditions"] == {"uid": "old"}


@pytest.mark.parametrize("left_open", [SILENT, ApiRefused(504, "Timeout", "late")])
async def test_a_former_job_that_may_be_deleted(left_open: Exception) -> None:
    """Its deletion is tried again under its UID; one that never gets a clear answer is unknown, and nothing is created."""
    of = cluster(answered(state("old")), delete=[left_open])
    outcome = await run(of, kind="runJob", manifest=MANIFEST, recreate=True)
    assert told(outcome)[0] == "unknown"
    assert not [request for request, _ in of.requests if request.method == "POST"]

    of = cluster(answered(state("old")), MISSING, delete=[left_open, MISSING])
    of.scripted["POST", JOBS] = [ApiRefused(422, "Invalid", "no image")]
    assert told(await run(of, kind="runJob", manifest=MANIFEST, recreate=True)) == ("failed", 422, "Invalid")


async def test_a_former_job_that_stays() -> None:
    """Nothing is created, and the message says so."""
    of = cluster(answered(state("old")), delete=[answered(state("old"))])

    outcome = await run(of, kind="runJob", manifest=MANIFEST, recreate=True, timeoutSeconds=0.2)

    assert told(outcome) == ("failed", 504, "StillTerminating")
    assert "none was created" in outcome.message
    assert not [request for request, _ in of.requests if request.method == "POST"]


async def test_no_former_job() -> None:
    """Then it is a creation like any other."""
    of = cluster(MISSING)

    assert told(await run(of, kind="runJob", manifest=MANIFEST, recreate=True)) == ("succeeded", 201, "")


async def test_what_was_done_is_told_however_it_ends() -> None:
    """A refusal after the deletion of the former Job, and a look that fails after the creation of the new one."""
    of = cluster(answered(state("old")), MISSING, delete=[answered(state("old"))])
    of.scripted["POST", JOBS] = [ApiRefused(422, "Invalid", "no image")]
    outcome = await run(of, kind="runJob", manifest=MANIFEST, recreate=True)
    assert (told(outcome), outcome.message) == (
        ("failed", 422, "Invalid"), "the former Job tar was deleted; then: no image",
    )  # fmt: skip

    outcome = await run(cluster(MISSING), kind="runJob", manifest=MANIFEST, wait=True)
    assert (told(outcome), outcome.message) == (
        ("failed", 404, "NotFound"), "the Job tar was created; then: not there",
    )  # fmt: skip
