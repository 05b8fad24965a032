"""Creates and updates beyond what the contract suite compares."""

from __future__ import annotations

from tests.unit.simcluster.calls import (
    DEFINITIONS,
    DEPLOYMENTS,
    MAPS,
    MERGE,
    WIDGETS,
    Hands,
    config_map,
    definition,
    workload,
)

from fairlead.simcluster.api.writing import ordered_metadata


def test_metadata_is_ordered_and_without_empty_parts() -> None:
    """As the server writes it."""
    metadata = {"managedFields": [1], "labels": {}, "uid": "u", "name": "a", "generateName": "", "custom": "x"}

    assert list(ordered_metadata(metadata)) == ["name", "uid", "resourceVersion", "managedFields", "custom"]


def test_names_of_roles_are_loose() -> None:
    """`system:reader` is a role, but no ConfigMap."""
    hands = Hands()
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"

    assert hands.call("POST", roles, {"metadata": {"name": "system:reader"}})[0] == 201
    assert hands.call("POST", MAPS, config_map("system:reader"))[0] == 422


def test_the_last_finalizer_of_a_deleted_object_removes_it() -> None:
    """By an update, too."""
    hands = Hands()
    manifest = config_map("held")
    manifest["metadata"]["finalizers"] = ["a/b"]
    hands.call("POST", MAPS, manifest)
    hands.call("DELETE", f"{MAPS}/held")
    code, _ = hands.call("PUT", f"{MAPS}/held", config_map("held"))

    assert code == 200
    assert hands.names(MAPS) == []


def test_deletion_marks_cannot_be_written() -> None:
    """Nor uids and generations."""
    hands = Hands()
    _, made = hands.call("POST", DEPLOYMENTS, workload("Deployment", "web"))
    patch = {"metadata": {"deletionTimestamp": "2027-01-01T00:00:00Z", "generation": 9}}
    _, patched = hands.call("PATCH", f"{DEPLOYMENTS}/web", patch, content_type=MERGE)

    assert "deletionTimestamp" not in patched["metadata"]
    assert patched["metadata"]["generation"] == made["metadata"]["generation"]


def test_etcd_refuses_what_is_too_large() -> None:
    """500 in etcd's words, for kinds without a limit of their own."""
    hands = Hands()
    hands.call("POST", DEFINITIONS, definition())
    body = {
        "apiVersion": "shop.example/v1",
        "kind": "Widget",
        "metadata": {"name": "w"},
        "spec": {"a": "x" * 1_600_000},
    }
    code, status = hands.call("POST", WIDGETS, body)

    assert (code, status["message"]) == (500, "etcdserver: request is too large")


def test_a_dry_update_shows_but_keeps() -> None:
    """The old version stays in the answer."""
    hands = Hands()
    _, made = hands.call("POST", MAPS, config_map("a", x="1"))
    _, tried = hands.call("PATCH", f"{MAPS}/a?dryRun=All", {"data": {"x": "2"}}, content_type=MERGE)

    assert tried["data"] == {"x": "2"}
    assert tried["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert hands.get(f"{MAPS}/a")["data"] == {"x": "1"}


def test_the_manager_is_the_clients_name() -> None:
    """From the User-Agent, unless fieldManager says otherwise."""
    hands = Hands()
    _, plain = hands.call("POST", MAPS, config_map("a"))
    _, named = hands.call("POST", f"{MAPS}?fieldManager=me", config_map("b", x="1"))

    assert "managedFields" not in plain["metadata"]
    assert named["metadata"]["managedFields"][0]["manager"] == "me"
