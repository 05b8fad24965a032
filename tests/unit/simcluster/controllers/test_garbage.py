"""Owners, dependents and namespaces."""

from __future__ import annotations

from typing import Any

from tests.unit.simcluster.calls import DEPLOYMENTS, MAPS, MERGE, PODS, REPLICA_SETS, Hands, config_map, workload


def _owned(hands: Hands, name: str, *owners: str, block: bool = True) -> dict[str, Any]:
    manifest = config_map(name)
    manifest["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner,
            "uid": hands.get(f"{MAPS}/{owner}")["metadata"]["uid"],
            "blockOwnerDeletion": block,
        }
        for owner in owners
    ]
    return manifest


def _family(hands: Hands) -> None:
    hands.call("POST", MAPS, config_map("parent"))
    hands.call("POST", MAPS, _owned(hands, "child", "parent"))
    hands.call("POST", MAPS, _owned(hands, "grandchild", "child"))


def test_background_takes_generations() -> None:
    """Top down."""
    hands = Hands()
    _family(hands)
    hands.call("DELETE", f"{MAPS}/parent")
    hands.settle()

    assert hands.names(MAPS) == []


def test_foreground_goes_bottom_up() -> None:
    """The watch tells the grandchild's end first, the parent's last."""
    hands = Hands()
    _family(hands)
    version = hands.state.store.version
    hands.call("DELETE", f"{MAPS}/parent?propagationPolicy=Foreground")
    hands.settle()
    ends = [
        event["object"]["metadata"]["name"]
        for event in hands.watch(f"{MAPS}?watch=1&resourceVersion={version}")
        if event["type"] == "DELETED"
    ]

    assert ends == ["grandchild", "child", "parent"]


def test_orphans_keep_their_children() -> None:
    """Only the reference goes."""
    hands = Hands()
    _family(hands)
    hands.call("DELETE", f"{MAPS}/parent?propagationPolicy=Orphan")
    hands.settle()

    assert hands.names(MAPS) == ["child", "grandchild"]
    assert "ownerReferences" not in hands.get(f"{MAPS}/child")["metadata"]


def test_one_owner_left_is_enough() -> None:
    """The reference to the other goes."""
    hands = Hands()
    for name in ("one", "two"):
        hands.call("POST", MAPS, config_map(name))
    hands.call("POST", MAPS, _owned(hands, "child", "one", "two"))
    hands.call("DELETE", f"{MAPS}/one")
    hands.settle()

    [owner] = hands.get(f"{MAPS}/child")["metadata"]["ownerReferences"]
    assert owner["name"] == "two"


def test_an_owner_that_never_was_takes_its_dependent() -> None:
    """A reference to nobody is a dangling one; a kind nobody knows is left alone."""
    hands = Hands()
    for name, kind in (("lost", "ConfigMap"), ("kept", "Gadget")):
        manifest = config_map(name)
        reference = {"apiVersion": "v1", "kind": kind, "name": "nobody", "uid": "u"}
        manifest["metadata"]["ownerReferences"] = [reference]
        hands.call("POST", MAPS, manifest)
    hands.settle()

    assert hands.names(MAPS) == ["kept"]


def test_a_deployment_takes_all_its_parts() -> None:
    """Sets and pods, in the foreground too."""
    hands = Hands()
    hands.call("POST", DEPLOYMENTS, workload("Deployment", "web", 2))
    hands.settle(3)
    hands.call("DELETE", f"{DEPLOYMENTS}/web?propagationPolicy=Foreground")
    hands.settle(0.5)
    assert hands.names(DEPLOYMENTS) == ["web"]
    hands.settle(3)

    assert hands.names(DEPLOYMENTS) == hands.names(REPLICA_SETS) == hands.names(PODS) == []


def test_a_namespace_goes_when_it_is_empty() -> None:
    """Pods stop first, finalizers hold it."""
    hands = Hands()
    hands.call("POST", DEPLOYMENTS, workload("Deployment", "web", 1))
    held = config_map("held")
    held["metadata"]["finalizers"] = ["a/b"]
    hands.call("POST", MAPS, held)
    hands.settle(3)
    hands.call("DELETE", "/api/v1/namespaces/other")
    for name in ("default",):
        entry = hands.state.store.get("namespaces", name)
        assert entry is not None
    code, _ = hands.call("DELETE", "/api/v1/namespaces/default")
    hands.settle(3)

    assert code == 403
    assert "other" not in hands.names("/api/v1/namespaces")
    hands.call("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    for path in (MAPS, DEPLOYMENTS):
        manifest = held if path == MAPS else workload("Deployment", "web", 1)
        manifest["metadata"].pop("namespace", None)
        hands.call("POST", path.replace("default", "shop"), manifest)
    hands.settle(3)
    hands.call("DELETE", "/api/v1/namespaces/shop")
    hands.settle(5)
    assert hands.get("/api/v1/namespaces/shop")["status"]["phase"] == "Terminating"
    assert hands.names(PODS.replace("default", "shop")) == []
    shop_maps = MAPS.replace("default", "shop")
    hands.call("PATCH", f"{shop_maps}/held", {"metadata": {"finalizers": None}}, content_type=MERGE)
    hands.settle(2)
    assert "shop" not in hands.names("/api/v1/namespaces")
