"""DELETE: answers, preconditions, finalizers, propagation, namespaces."""

from __future__ import annotations

from typing import Any

from tests.contract.kubernetes.client import Api, config_map, deployment


async def test_a_delete_answers_with_a_status(api: Api) -> None:
    """Success with name, kind and uid; the object is gone, and a second delete finds nothing."""
    made = await api.config_map("one")
    path = api.core("configmaps", "one")
    answer = await api.delete(path)

    assert (answer.code, answer.json["status"]) == (200, "Success")
    assert answer.json["details"] == {"name": "one", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    assert (await api.get(path)).failure == (404, "NotFound", 'configmaps "one" not found')
    assert (await api.delete(path)).code == 404


async def test_some_kinds_answer_with_the_object(api: Api) -> None:
    """A Service comes back as it was."""
    await api.post(api.core("services"), {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}})
    answer = await api.delete(api.core("services", "web"))

    assert (answer.json["kind"], answer.json["metadata"]["name"]) == ("Service", "web")


async def test_preconditions_protect(api: Api) -> None:
    """409 when uid or version differ."""
    made = await api.config_map("one")
    path = api.core("configmaps", "one")
    other = await api.delete(path, {"preconditions": {"uid": "other"}})
    older = await api.delete(path, {"preconditions": {"resourceVersion": "1"}})
    right = await api.delete(path, {"preconditions": {"uid": made["metadata"]["uid"]}})

    assert other.failure[:2] == older.failure[:2] == (409, "Conflict")
    assert "the UID in the precondition (other) does not match" in other.failure[2]
    assert right.code == 200


async def test_finalizers_hold_a_deleted_object(api: Api) -> None:
    """DeletionTimestamp is set, the object stays until the last finalizer goes; its delete is then one event."""
    manifest = config_map("held")
    manifest["metadata"]["finalizers"] = ["contract.example/hold"]
    await api.post(api.core("configmaps"), manifest)
    path = api.core("configmaps", "held")
    version = await api.version()
    async with api.watch(api.core("configmaps"), resourceVersion=version, fieldSelector="metadata.name=held") as watch:
        answer = await api.delete(path)
        again = await api.delete(path)
        still = await api.get(path)
        await api.patch(path, {"metadata": {"finalizers": None}})
        events = await watch.take(2)

    assert answer.json["kind"] == "ConfigMap"
    assert answer.json["metadata"]["deletionTimestamp"]
    assert answer.json["metadata"]["deletionGracePeriodSeconds"] == 0
    assert again.json["metadata"]["resourceVersion"] == answer.json["metadata"]["resourceVersion"]
    assert still.code == 200
    assert events == [("MODIFIED", "held"), ("DELETED", "held")]
    assert (await api.get(path)).code == 404


async def test_a_recreated_object_has_another_uid(api: Api) -> None:
    """Same name, new identity."""
    first = await api.config_map("one")
    await api.delete(api.core("configmaps", "one"))
    second = await api.config_map("one")

    assert first["metadata"]["uid"] != second["metadata"]["uid"]


async def _owner_and_dependent(api: Api, *, block: bool = False) -> tuple[str, str]:
    owner = await api.config_map("owner")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    manifest = config_map("dependent")
    manifest["metadata"]["ownerReferences"] = [{**reference, "blockOwnerDeletion": block}]
    await api.post(api.core("configmaps"), manifest)
    return api.core("configmaps", "owner"), api.core("configmaps", "dependent")


async def test_background_deletion_takes_dependents_later(api: Api) -> None:
    """The owner goes at once, its dependents follow."""
    owner, dependent = await _owner_and_dependent(api)
    answer = await api.delete(owner, propagationPolicy="Background")

    assert answer.json["status"] == "Success"
    assert (await api.get(owner)).code == 404
    await api.eventually_gone(dependent)


async def test_foreground_deletion_takes_dependents_first(api: Api) -> None:
    """The owner is marked with a finalizer and goes after its dependents."""
    owner, dependent = await _owner_and_dependent(api, block=True)
    answer = await api.delete(owner, {"propagationPolicy": "Foreground"})

    assert answer.json["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert answer.json["metadata"]["deletionTimestamp"]
    await api.eventually_gone(owner)
    assert (await api.get(dependent)).code == 404


async def test_orphans_stay(api: Api) -> None:
    """Orphan deletion takes the reference out of the dependents."""
    owner, dependent = await _owner_and_dependent(api)
    answer = await api.delete(owner, propagationPolicy="Orphan")

    assert answer.json["metadata"]["finalizers"] == ["orphan"]
    await api.eventually_gone(owner)
    left = await api.get(dependent)
    assert left.code == 200
    assert "ownerReferences" not in left.json["metadata"]


async def test_an_unknown_propagation_is_invalid(api: Api) -> None:
    """422."""
    await api.config_map("one")
    answer = await api.delete(api.core("configmaps", "one"), propagationPolicy="Sideways")

    assert answer.failure[:2] == (422, "Invalid")
    assert "propagationPolicy: Unsupported value" in answer.failure[2]


async def test_a_collection_is_deleted_by_selector(api: Api) -> None:
    """The list of what was chosen comes back, the rest stays."""
    await api.config_map("a", {"go": "yes"})
    await api.config_map("b", {"go": "no"})
    answer = await api.delete(api.core("configmaps"), labelSelector="go=yes")

    assert answer.json["kind"] == "ConfigMapList"
    assert [item["metadata"]["name"] for item in answer.json["items"]] == ["a"]
    assert (await api.get(api.core("configmaps", "a"))).code == 404
    assert (await api.get(api.core("configmaps", "b"))).code == 200


async def test_a_terminating_namespace_takes_its_content(api: Api) -> None:
    """Terminating, nothing new may come, content goes; with the last of it the namespace."""
    name = f"{api.namespace}-going"
    await api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    held: dict[str, Any] = config_map("held")
    held["metadata"]["finalizers"] = ["contract.example/hold"]
    path = f"/api/v1/namespaces/{name}"
    await api.post(f"{path}/configmaps", held)
    await api.post(f"{path}/configmaps", config_map("plain"))
    answer = await api.delete(path)
    late = await api.post(f"{path}/configmaps", config_map("late"))

    assert answer.json["status"]["phase"] == "Terminating"
    assert answer.json["metadata"]["deletionTimestamp"]
    assert late.failure[:2] == (403, "Forbidden")
    assert late.json["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    await api.eventually_gone(f"{path}/configmaps/plain")
    assert (await api.get(path)).code == 200
    await api.eventually(f"{path}/configmaps/held", lambda held: "deletionTimestamp" in held["metadata"])
    await api.patch(f"{path}/configmaps/held", {"metadata": {"finalizers": None}})
    await api.eventually_gone(path)


async def test_system_namespaces_stay(api: Api) -> None:
    """403."""
    answer = await api.delete("/api/v1/namespaces/kube-system")

    message = 'namespaces "kube-system" is forbidden: this namespace may not be deleted'
    assert answer.failure == (403, "Forbidden", message)


async def test_a_dry_delete_leaves_the_object(api: Api) -> None:
    """dryRun=All."""
    await api.config_map("one")
    answer = await api.delete(api.core("configmaps", "one"), dryRun="All")

    assert answer.code == 200
    assert (await api.get(api.core("configmaps", "one"))).code == 200


async def test_a_deployment_takes_its_replica_set_along(api: Api) -> None:
    """Two levels of owners."""
    await api.post(api.group("apps/v1", "deployments"), deployment("web", 1))
    sets = api.group("apps/v1", "replicasets")
    await api.eventually(sets, lambda found: found["items"])
    await api.eventually(api.core("pods"), lambda found: found["items"])
    await api.delete(api.group("apps/v1", "deployments", "web"), {"propagationPolicy": "Background"})

    await api.eventually(sets, lambda found: not found["items"])
    await api.eventually(api.core("pods"), lambda found: not found["items"])
