"""Create and update: identity, optimistic conflicts, validation."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.contract.kubernetes.client import Api, config_map, deployment


async def test_a_created_object_gets_its_system_metadata(api: Api) -> None:
    """uid, creationTimestamp, resourceVersion and managedFields are the server's; ConfigMaps have no generation."""
    made = await api.config_map("one", a="1")
    metadata = made["metadata"]

    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert metadata["resourceVersion"].isdigit()
    assert metadata["namespace"] == api.namespace
    assert "generation" not in metadata
    assert metadata["managedFields"][0]["operation"] == "Update"
    assert "f:a" in metadata["managedFields"][0]["fieldsV1"]["f:data"]
    assert list(made)[:3] == ["kind", "apiVersion", "metadata"]


async def test_versions_grow_over_all_kinds(api: Api) -> None:
    """One counter numbers the writes of every resource."""
    first = await api.config_map("one")
    secret = await api.post(api.core("secrets"), {"metadata": {"name": "two"}, "stringData": {"a": "b"}})
    third = await api.config_map("three")

    versions = [int(each["metadata"]["resourceVersion"]) for each in (first, secret.json, third)]
    assert versions == sorted(set(versions))
    assert (secret.json["data"], secret.json["type"]) == ({"a": "Yg=="}, "Opaque")
    assert "stringData" not in secret.json


async def test_names_are_generated(api: Api) -> None:
    """GenerateName gets five letters more."""
    answer = await api.post(api.core("configmaps"), {"metadata": {"generateName": "gen-"}})

    assert re.fullmatch(r"gen-[a-z0-9]{5}", answer.json["metadata"]["name"])
    assert answer.json["metadata"]["generateName"] == "gen-"


async def test_a_second_create_is_refused(api: Api) -> None:
    """409 AlreadyExists."""
    await api.config_map("one")
    again = await api.post(api.core("configmaps"), config_map("one"))

    assert again.failure == (409, "AlreadyExists", 'configmaps "one" already exists')
    assert again.json["details"] == {"name": "one", "kind": "configmaps"}


async def test_an_update_of_an_older_version_conflicts(api: Api) -> None:
    """409 Conflict when resourceVersion is stated and not the present one; without it the update stands."""
    old = await api.config_map("one", a="1")
    path = api.core("configmaps", "one")
    unconditional = await api.put(path, config_map("one", a="2"))
    stale = await api.put(path, old)

    assert unconditional.code == 200
    assert int(unconditional.json["metadata"]["resourceVersion"]) > int(old["metadata"]["resourceVersion"])
    assert unconditional.json["metadata"]["uid"] == old["metadata"]["uid"]
    code, reason, message = stale.failure
    assert (code, reason) == (409, "Conflict")
    assert message.startswith('Operation cannot be fulfilled on configmaps "one": the object has been modified')


async def test_a_write_that_changes_nothing_keeps_the_version(api: Api) -> None:
    """No new version, no event."""
    made = await api.config_map("one", a="1")
    put = await api.put(api.core("configmaps", "one"), config_map("one", a="1"))
    patched = await api.patch(api.core("configmaps", "one"), {"data": {"a": "1"}})

    versions = {each["metadata"]["resourceVersion"] for each in (made, put.json, patched.json)}
    assert len(versions) == 1


async def test_an_update_of_another_uid_conflicts(api: Api) -> None:
    """A stated uid that is not the object's is a 409: it was deleted and made again."""
    await api.config_map("one")
    manifest = config_map("one")
    manifest["metadata"]["uid"] = "11111111-2222-3333-4444-555555555555"

    assert (await api.put(api.core("configmaps", "one"), manifest)).failure[:2] == (409, "Conflict")


async def test_an_update_of_what_does_not_exist_is_not_found(api: Api) -> None:
    """PUT does not create."""
    answer = await api.put(api.core("configmaps", "none"), config_map("none"))

    assert answer.failure == (404, "NotFound", 'configmaps "none" not found')


async def test_spec_changes_count_generations(api: Api) -> None:
    """Generation starts at 1, grows with the spec and not with labels."""
    path = api.group("apps/v1", "deployments", "web")
    made = await api.post(api.group("apps/v1", "deployments"), {**deployment("web", 0), "status": {"replicas": 7}})
    labelled = await api.patch(path, {"metadata": {"labels": {"a": "b"}}})
    scaled = await api.patch(path, {"spec": {"paused": True}})

    assert made.json["status"].get("replicas", 0) == 0
    generations = [each.json["metadata"]["generation"] for each in (made, labelled, scaled)]
    assert generations == [1, 1, 2]


@pytest.mark.parametrize(
    ("manifest", "code", "reason", "message"),
    [
        ({"metadata": {}}, 422, "Invalid", "metadata.name: Required value: name or generateName is required"),
        ({"metadata": {"name": "B_"}}, 422, "Invalid", 'metadata.name: Invalid value: "B_": a lowercase RFC 1123'),
        ({"metadata": {"name": "x", "resourceVersion": "4"}}, 500, "", "resourceVersion should not be set on objects"),
        ({"metadata": {"name": "x", "namespace": "other"}}, 400, "BadRequest", "the namespace of the provided object"),
        ({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "x"}}, 400, "BadRequest", "Secret in version"),
        ({"metadata": {"name": "x"}, "data": {"a": 1}}, 400, "BadRequest", "cannot unmarshal number into Go struct"),
    ],
)
async def test_a_bad_manifest_is_told_what_is_wrong(
    api: Api, manifest: dict[str, Any], code: int, reason: str, message: str
) -> None:
    """Code, reason and the telling part of the message."""
    answer = await api.post(api.core("configmaps"), manifest)

    assert answer.failure[:2] == (code, reason)
    assert message in answer.failure[2]


async def test_malformed_json_is_a_bad_request(api: Api) -> None:
    """400."""
    answer = await api.post(api.core("configmaps"), b'{"metadata":')

    assert answer.failure[:2] == (400, "BadRequest")
    assert "json parse error" in answer.failure[2]


async def test_a_missing_namespace_is_not_found(api: Api) -> None:
    """404 that names the namespace."""
    answer = await api.post("/api/v1/namespaces/no-such/configmaps", config_map("one"))

    assert answer.failure == (404, "NotFound", 'namespaces "no-such" not found')


async def test_an_invalid_workload_lists_its_causes(api: Api) -> None:
    """422 with the field at fault."""
    manifest = deployment("web")
    manifest["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    answer = await api.post(api.group("apps/v1", "deployments"), manifest)

    assert answer.failure[:2] == (422, "Invalid")
    assert answer.json["details"]["causes"][0]["field"] == "spec.template.metadata.labels"
    assert answer.json["details"]["group"] == "apps"


async def test_a_dry_run_leaves_nothing(api: Api) -> None:
    """The answer is as of a real create, without a version; the object is not there."""
    tried = await api.post(api.core("configmaps"), config_map("one"), dryRun="All")
    wrong = await api.post(api.core("configmaps"), config_map("one"), dryRun="Some")

    assert tried.code == 201
    assert tried.json["metadata"]["uid"]
    assert "resourceVersion" not in tried.json["metadata"]
    assert (await api.get(api.core("configmaps", "one"))).code == 404
    assert wrong.failure[:2] == (422, "Invalid")


async def test_large_objects_are_refused(api: Api) -> None:
    """A ConfigMap above 1 MiB is invalid, a request above 3 MiB too large."""
    large = await api.post(api.core("configmaps"), config_map("large", a="x" * 1_100_000))
    huge = await api.post(api.core("configmaps"), config_map("huge", a="x" * 3_200_000))

    assert large.failure[:2] == (422, "Invalid")
    assert huge.failure == (413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")


async def test_an_object_of_a_megabyte_passes(api: Api) -> None:
    """Up to the limit everything comes back."""
    await api.config_map("large", a="x" * 1_000_000)
    answer = await api.get(api.core("configmaps", "large"))

    assert len(answer.json["data"]["a"]) == 1_000_000


async def test_a_method_that_fits_nothing_is_not_allowed(api: Api) -> None:
    """405 on a collection."""
    answer = await api.put(api.core("configmaps"), {})

    assert answer.failure[:2] == (405, "MethodNotAllowed")
