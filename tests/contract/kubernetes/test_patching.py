"""The four patch types and the subresources."""

from __future__ import annotations

import pytest
from tests.contract.kubernetes.client import APPLY, JSON_PATCH, STRATEGIC, Api, deployment


async def test_a_merge_patch_sets_and_removes(api: Api) -> None:
    """Null removes."""
    await api.config_map("one", a="1", b="2")
    answer = await api.patch(api.core("configmaps", "one"), {"data": {"a": None, "c": "3"}})

    assert answer.json["data"] == {"b": "2", "c": "3"}


async def test_a_patch_may_state_its_version(api: Api) -> None:
    """409 when it is not the present one."""
    await api.config_map("one", a="1")
    answer = await api.patch(api.core("configmaps", "one"), {"metadata": {"resourceVersion": "1"}, "data": {"a": "2"}})

    assert answer.failure[:2] == (409, "Conflict")


async def test_a_json_patch_applies_its_operations_or_nothing(api: Api) -> None:
    """A failed test or a missing path is a 422 and leaves the object alone."""
    made = await api.config_map("one", a="1")
    path = api.core("configmaps", "one")
    good = await api.patch(path, [{"op": "replace", "path": "/data/a", "value": "2"}], JSON_PATCH)
    failed = await api.patch(path, [{"op": "test", "path": "/data/a", "value": "9"}], JSON_PATCH)
    missing = await api.patch(
        path, [{"op": "add", "path": "/data/b", "value": "1"}, {"op": "remove", "path": "/data/z"}], JSON_PATCH
    )

    assert good.json["data"] == {"a": "2"}
    assert good.json["metadata"]["uid"] == made["metadata"]["uid"]
    assert failed.failure[:2] == missing.failure[:2] == (422, "Invalid")
    assert (await api.get(path)).json["data"] == {"a": "2"}


async def test_a_strategic_patch_merges_lists_by_key(api: Api) -> None:
    """Containers merge by name, environment by name; `$patch: delete` takes one out."""
    path = api.group("apps/v1", "deployments", "web")
    manifest = deployment("web", 0)
    containers = manifest["spec"]["template"]["spec"]["containers"]
    containers[0]["env"] = [{"name": "A", "value": "1"}]
    containers.append({"name": "side", "image": "example/side:1"})
    assert (await api.post(api.group("apps/v1", "deployments"), manifest)).code == 201
    patch = {"name": "web", "env": [{"name": "B", "value": "2"}]}
    merged = await api.patch(path, {"spec": {"template": {"spec": {"containers": [patch]}}}}, STRATEGIC)
    gone = {"name": "side", "$patch": "delete"}
    removed = await api.patch(path, {"spec": {"template": {"spec": {"containers": [gone]}}}}, STRATEGIC)

    first, second = merged.json["spec"]["template"]["spec"]["containers"]
    assert {each["name"] for each in (first, second)} == {"web", "side"}
    web = first if first["name"] == "web" else second
    assert web["image"] == "example/web:1"
    assert {each["name"]: each["value"] for each in web["env"]} == {"A": "1", "B": "2"}
    assert [each["name"] for each in removed.json["spec"]["template"]["spec"]["containers"]] == ["web"]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
async def test_an_unknown_patch_type_is_refused(api: Api, content_type: str) -> None:
    """415."""
    await api.config_map("one")
    answer = await api.patch(api.core("configmaps", "one"), {}, content_type)

    assert answer.failure[:2] == (415, "UnsupportedMediaType")


async def test_a_patch_of_what_does_not_exist_is_not_found(api: Api) -> None:
    """Only apply creates."""
    answer = await api.patch(api.core("configmaps", "none"), {"data": {}})

    assert answer.failure == (404, "NotFound", 'configmaps "none" not found')


async def test_apply_creates_and_owns(api: Api) -> None:
    """201 for a new object, an Apply record for its manager, 200 and no new version the second time."""
    path = api.core("configmaps", "one")
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "1"}}
    made = await api.patch(path, manifest, APPLY, fieldManager="first")
    again = await api.patch(path, manifest, APPLY, fieldManager="first")

    assert (made.code, again.code) == (201, 200)
    assert made.json["metadata"]["resourceVersion"] == again.json["metadata"]["resourceVersion"]
    [record] = made.json["metadata"]["managedFields"]
    assert (record["manager"], record["operation"]) == ("first", "Apply")
    assert record["fieldsV1"] == {"f:data": {"f:a": {}}}


async def test_apply_conflicts_with_other_managers_unless_forced(api: Api) -> None:
    """409 naming manager and field; force takes the field over; a field that its manager lets go vanishes."""
    path = api.core("configmaps", "one")
    base = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    await api.patch(path, {**base, "data": {"a": "1", "b": "1"}}, APPLY, fieldManager="first")
    refused = await api.patch(path, {**base, "data": {"a": "2"}}, APPLY, fieldManager="second")
    forced = await api.patch(path, {**base, "data": {"a": "2"}}, APPLY, fieldManager="second", force="true")
    let_go = await api.patch(path, {**base, "data": {}}, APPLY, fieldManager="first")

    assert refused.failure == (409, "Conflict", 'Apply failed with 1 conflict: conflict with "first": .data.a')
    assert refused.json["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "first"', "field": ".data.a"}
    ]
    assert forced.json["data"] == {"a": "2", "b": "1"}
    owners = {record["manager"]: record["fieldsV1"] for record in forced.json["metadata"]["managedFields"]}
    assert owners == {"first": {"f:data": {"f:b": {}}}, "second": {"f:data": {"f:a": {}}}}
    assert let_go.json["data"] == {"a": "2"}


async def test_apply_merges_containers_by_name(api: Api) -> None:
    """Two managers may own one container each."""
    path = api.group("apps/v1", "deployments", "web")
    manifest = deployment("web", 0)
    await api.patch(path, manifest, APPLY, fieldManager="first")
    side = {"name": "side", "image": "example/side:1"}
    other = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [side]}}},
    }
    merged = await api.patch(path, other, APPLY, fieldManager="second")
    same = await api.patch(path, manifest, APPLY, fieldManager="first")

    names = [each["name"] for each in merged.json["spec"]["template"]["spec"]["containers"]]
    assert sorted(names) == ["side", "web"]
    assert same.json["metadata"]["generation"] == merged.json["metadata"]["generation"]


async def test_apply_needs_a_manager(api: Api) -> None:
    """422 without fieldManager."""
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    answer = await api.patch(api.core("configmaps", "one"), manifest, APPLY)

    assert answer.failure[:2] == (422, "Invalid")
    assert "fieldManager: Required value" in answer.failure[2]


async def test_the_scale_subresource_scales(api: Api) -> None:
    """GET, PUT and PATCH of an autoscaling/v1 Scale; generation grows."""
    path = api.group("apps/v1", "deployments", "web")
    assert (await api.post(api.group("apps/v1", "deployments"), {**deployment("web", 0)})).code == 201
    scale = (await api.get(f"{path}/scale")).json
    assert (scale["kind"], scale["apiVersion"], scale["spec"]) == ("Scale", "autoscaling/v1", {})
    assert scale["status"]["selector"] == "app=web"
    put = {**scale, "metadata": {"name": "web", "namespace": api.namespace}, "spec": {"replicas": 1}}
    assert (await api.put(f"{path}/scale", put)).json["spec"] == {"replicas": 1}
    assert (await api.patch(f"{path}/scale", {"spec": {"replicas": 2}})).json["spec"] == {"replicas": 2}
    workload = (await api.get(path)).json
    assert (workload["spec"]["replicas"], workload["metadata"]["generation"]) == (2, 3)


async def test_status_and_spec_keep_apart(api: Api) -> None:
    """The main resource ignores status; the status subresource ignores the rest and keeps the generation."""
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "5"}}}
    path = api.core("resourcequotas", "q")
    await api.post(api.core("resourcequotas"), quota)
    main = await api.patch(path, {"status": {"hard": {"pods": "9"}}, "spec": {"hard": {"pods": "6"}}})
    status = await api.patch(f"{path}/status", {"status": {"used": {"pods": "1"}}, "spec": {"hard": {"pods": "7"}}})

    assert main.json["spec"] == {"hard": {"pods": "6"}}
    assert (main.json.get("status") or {}).get("hard", {}).get("pods") != "9"
    assert status.json["spec"] == {"hard": {"pods": "6"}}
    assert status.json["status"]["used"]["pods"] == "1"


async def test_a_kind_without_subresource_says_so(api: Api) -> None:
    """404 for a status that is not served."""
    await api.config_map("one")
    answer = await api.put(api.core("configmaps", "one") + "/status", {})

    assert answer.failure == (404, "NotFound", "the server could not find the requested resource")


async def test_conflicts_name_subresources(api: Api) -> None:
    """Who has scaled owns the replicas."""
    path = api.group("apps/v1", "deployments", "web")
    await api.patch(path, deployment("web", 1), APPLY, fieldManager="first")
    await api.patch(f"{path}/scale", {"spec": {"replicas": 2}}, fieldManager="scaler")
    refused = await api.patch(path, deployment("web", 1), APPLY, fieldManager="first")

    named = 'conflict with "scaler" with subresource "scale" using apps/v1'
    assert refused.failure == (409, "Conflict", f"Apply failed with 1 conflict: {named}: .spec.replicas")
