"""Applies against a cluster in memory; tests/integration/executor hold them against kubectl and a real API server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.executor_doubles import DEPLOYMENT, WORKLOADS, MemoryCluster, OneCluster, answered, job
from tests.support.patch_schemas import boat
from tests.unit.executor.flows.test_run import AT_ONCE, CONFLICT, SILENT, told

from fairlead.contracts.operations import decode_request
from fairlead.executor.core.apply_mode import ApplyPolicy, Switch, Switches
from fairlead.executor.core.merging.applied import LAST_APPLIED, annotated
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.errors import ApiRefused, NoSchema
from fairlead.executor.flows import applying
from fairlead.executor.flows.run import Runner

COLLECTION = "/apis/apps/v1/namespaces/sea/deployments"
WEB = f"{COLLECTION}/web"
MISSING = ApiRefused(404, "NotFound", "not there")
TAKEN = ApiRefused(409, "AlreadyExists", "there by now")
OWNED = ApiRefused(409, "Conflict", "Apply failed with 1 conflict")


def web(**spec: Any) -> dict[str, Any]:
    """A manifest; its spec is a boat's, which has all sorts of lists."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "sea"},
        "spec": spec,
    }


def live(version: str = "5", **spec: Any) -> dict[str, Any]:
    """The object after this was applied client-side."""
    made = annotated(web(**spec), "sea")
    made["metadata"] |= {"uid": "uid-1", "resourceVersion": version}
    return made


def cluster(**scripted: Any) -> MemoryCluster:
    """A cluster that answers by method: `get`, `post`, `patch`."""
    paths = {"get": ("GET", WEB), "post": ("POST", COLLECTION), "patch": ("PATCH", WEB)}
    return MemoryCluster(
        kinds={**WORKLOADS, "Deployment": DEPLOYMENT}, schema=boat(),
        scripted={paths[name]: answers for name, answers in scripted.items()},
    )  # fmt: skip


async def apply(
    to: MemoryCluster, manifest: dict[str, Any], *, policy: ApplyPolicy | None = None, **request: Any
) -> Outcome:
    """Apply."""
    attempt = job(kind="apply", manifest=manifest, **request)
    runner = Runner(OneCluster(to), AT_ONCE, policy)
    return await runner.run(attempt, decode_request(attempt.request), is_canceled=lambda: False)


def sent(to: MemoryCluster, method: str) -> list[Any]:
    """Bodies of the requests of a method."""
    return [json.loads(request.body) for request, _ in to.requests if request.method == method]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "CONFLICT_PAUSE_S", 0.001)


async def test_a_missing_object_is_created() -> None:
    """With its annotation, without nulls, under the operation's own audit id."""
    to = cluster(get=[MISSING], post=[answered(live(), 201)])

    assert told(await apply(to, web(knots=None))) == ("succeeded", 201, "")

    (body,) = sent(to, "POST")
    assert json.loads(body["metadata"]["annotations"][LAST_APPLIED])["spec"] == {"knots": None}
    assert body["spec"] == {}
    assert [audit_id for _, audit_id in to.requests] == ["01JZ.1.read", "01JZ.1"]


async def test_an_object_is_patched_towards_the_manifest() -> None:
    """What was dropped goes; the conditions of the request go along."""
    to = cluster(get=[answered(live(knots=5))], patch=[answered(live("6"))])

    outcome = await apply(to, web(lights=["red"]), uid="uid-1", dryRun=True)

    assert told(outcome) == ("succeeded", 200, "")
    (body,) = sent(to, "PATCH")
    assert body["spec"] == {"knots": None, "lights": ["red"]}
    assert body["metadata"]["uid"] == "uid-1"
    (patch,) = [request for request, _ in to.requests if request.method == "PATCH"]
    assert patch.content_type == "application/strategic-merge-patch+json"
    assert ("dryRun", "All") in patch.parameters


async def test_a_kind_without_a_schema_is_merged_as_json() -> None:
    """A custom resource."""
    to = cluster(get=[answered(live(knots=5))], patch=[answered(live("6"))])
    to.schema = None

    await apply(to, web(knots=6))

    (patch,) = [request for request, _ in to.requests if request.method == "PATCH"]
    assert patch.content_type == "application/merge-patch+json"


async def test_nothing_is_sent_when_nothing_is_to_do() -> None:
    """The live object comes back, and says so."""
    to = cluster(get=[answered(live(knots=5))])

    outcome = await apply(to, web(knots=5))

    assert (told(outcome), outcome.message, outcome.version) == (("succeeded", 200, ""), "unchanged", "5")


async def test_a_conflict_is_met_with_another_look() -> None:
    """Somebody was quicker: with a change, or with a creation; five times, no more."""
    to = cluster(get=[answered(live(knots=5)), answered(live("6", knots=5))], patch=[CONFLICT, answered(live("7"))])
    assert told(await apply(to, web(knots=6))) == ("succeeded", 200, "")

    to = cluster(get=[MISSING, answered(live(knots=5))], post=[TAKEN], patch=[answered(live("7"))])
    assert told(await apply(to, web(knots=6))) == ("succeeded", 200, "")

    to = cluster(get=[answered(live(knots=5))], patch=[CONFLICT])
    assert told(await apply(to, web(knots=6))) == ("failed", 409, "Conflict")
    assert len(sent(to, "PATCH")) == applying.CONFLICTS_MAX + 1


@pytest.mark.parametrize("fence", [{"uid": "other"}, {"resourceVersion": "4"}])
async def test_a_fence_holds_though_nothing_would_be_sent(fence: dict[str, Any]) -> None:
    """An expectation that is not met is a conflict; one about a missing object is not found."""
    to = cluster(get=[answered(live(knots=5))])
    assert told(await apply(to, web(knots=5), **fence)) == ("failed", 409, "Conflict")

    to = cluster(get=[MISSING])
    assert told(await apply(to, web(), **fence)) == ("failed", 404, "NotFound")


async def test_a_lost_answer_is_unknown() -> None:
    """The patch may have taken effect."""
    to = cluster(get=[answered(live(knots=5))], patch=[SILENT])

    assert (await apply(to, web(knots=6))).verdict == "unknown"
    assert len(sent(to, "PATCH")) == 1


async def test_manifests_that_do_not_fit() -> None:
    """A field that the schema lacks, a live annotation that is broken, no schema at all: each says what is wrong."""
    to = cluster(get=[answered(live(anchor={"a": 1}))])
    outcome = await apply(to, web(anchor={"a": 2}))
    assert told(outcome) == ("failed", 400, "BadRequest")
    assert 'unable to find api field "anchor"' in outcome.message

    broken = live()
    broken["metadata"]["annotations"][LAST_APPLIED] = "{"
    assert "no JSON object" in (await apply(cluster(get=[answered(broken)]), web())).message

    class Mute(MemoryCluster):
        async def patch_schema(self, resource: Any) -> Any:
            raise NoSchema("apply it server-side")

    mute = Mute(kinds=WORKLOADS, scripted={("GET", WEB): [answered(live(knots=5))]})
    assert told(await apply(mute, web())) == ("failed", 501, "NoSchema")


def owned(*managers: tuple[str, str], version: str = "5") -> dict[str, Any]:
    """The object with managedFields of managers that each own the annotation."""
    note: dict[str, Any] = {"f:metadata": {"f:annotations": {f"f:{LAST_APPLIED}": {}}}}
    entries = [
        {
            "manager": manager,
            "operation": operation,
            "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": note,
        }
        for manager, operation in managers
    ]
    return {"metadata": {"name": "web", "resourceVersion": version, "managedFields": entries}}


async def test_server_side_apply_is_one_request() -> None:
    """When nobody applied client-side before."""
    to = cluster(patch=[answered(owned(("fairlead", "Apply")))])

    outcome = await apply(to, web(), serverSide=True)

    assert told(outcome) == ("succeeded", 200, "")
    assert json.loads(outcome.body)["metadata"] == {"name": "web", "resourceVersion": "5"}
    assert [audit_id for _, audit_id in to.requests] == ["01JZ.1"]


async def test_fields_of_client_side_apply_are_taken_over() -> None:
    """The owners are changed under the version they belong to, again after a conflict; then the apply is sent once more."""
    former = owned(("kubectl-client-side-apply", "Update"))
    to = cluster(
        patch=[answered(former), CONFLICT, answered(owned(("fairlead", "Apply"))), answered(owned(version="9"))],
        get=[answered(owned(("kubectl-client-side-apply", "Update"), version="6"))],
    )

    outcome = await apply(to, web(), serverSide=True)

    assert (told(outcome), outcome.version) == (("succeeded", 200, ""), "9")
    assert [audit_id for _, audit_id in to.requests] == [
        "01JZ.1", "01JZ.1.owners", "01JZ.1.read", "01JZ.1.owners", "01JZ.1.reapply",
    ]  # fmt: skip
    assert sent(to, "PATCH")[2][1]["value"] == "6"


async def test_a_takeover_that_lost_its_answer_is_completed() -> None:
    """The owners are as they shall be by the next look, and the apply is sent once more all the same."""
    former = answered(owned(("kubectl-client-side-apply", "Update")))
    to = cluster(
        patch=[former, SILENT, CONFLICT, answered(owned(version="9"))], get=[answered(owned(("fairlead", "Apply")))]
    )

    outcome = await apply(to, web(), serverSide=True)

    assert (told(outcome), outcome.version, outcome.message) == (("succeeded", 200, ""), "9", "")


async def test_what_was_applied_stands_though_the_takeover_fails() -> None:
    """The message tells of it; the next apply tries again."""
    former = answered(owned(("kubectl-client-side-apply", "Update")))
    for fault in (ApiRefused(403, "Forbidden", "you may not"), SILENT):
        outcome = await apply(cluster(patch=[former, fault]), web(), serverSide=True)
        assert told(outcome) == ("succeeded", 200, "")
        assert "could not be taken over" in outcome.message


async def test_a_field_that_has_an_owner_is_no_race() -> None:
    """Such a conflict is told at once, another is tried again."""
    to = cluster(patch=[OWNED])
    assert told(await apply(to, web(), serverSide=True)) == ("failed", 409, "Conflict")
    assert len(to.requests) == 1

    to = cluster(patch=[CONFLICT, answered(owned())])
    assert told(await apply(to, web(), serverSide=True)) == ("succeeded", 200, "")


async def test_other_managers_lose_their_fields_where_that_is_wanted() -> None:
    """Before the apply; an object that is missing has none."""
    policy = ApplyPolicy(Switches(Switch.ALWAYS, Switch.ALWAYS))
    to = cluster(get=[answered(owned(("hpa", "Update")))], patch=[answered(owned()), answered(owned())])
    assert told(await apply(to, web(), policy=policy)) == ("succeeded", 200, "")
    assert [audit_id for _, audit_id in to.requests] == ["01JZ.1.read", "01JZ.1.owners", "01JZ.1"]

    to = cluster(get=[MISSING], patch=[answered(owned(), 201)])
    assert told(await apply(to, web(), policy=policy)) == ("succeeded", 201, "")


async def test_lost_fields_are_told_though_the_apply_is_refused() -> None:
    """Taking the fields away was a write of its own."""
    policy = ApplyPolicy(Switches(Switch.ALWAYS, Switch.ALWAYS))
    refused = ApiRefused(422, "Invalid", "no image")
    to = cluster(get=[answered(owned(("hpa", "Update")))], patch=[answered(owned()), refused])
    outcome = await apply(to, web(), policy=policy)

    assert (told(outcome), outcome.message) == (
        ("failed", 422, "Invalid"), "every other manager lost its fields; then: no image",
    )  # fmt: skip


async def test_defaults_are_filled_in_where_that_is_wanted() -> None:
    """From the cluster's schema."""
    policy = ApplyPolicy(Switches(Switch.ALWAYS, manifest_defaults=Switch.ALWAYS))
    to = cluster(patch=[answered(owned())])

    await apply(to, web(crew=[{"name": "ann"}]), policy=policy)

    assert sent(to, "PATCH")[0]["spec"] == {"crew": [{"name": "ann", "rank": "mate"}]}
