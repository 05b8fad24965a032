"""Discovery documents."""

from __future__ import annotations

from fairlead.simcluster import discovery
from fairlead.simcluster.resources import Registry, Resource


def test_aggregated_documents_cover_everything() -> None:
    """Core in one, groups in the other, reviews included."""
    registry = Registry()
    core, named = discovery.aggregated(registry, core=True), discovery.aggregated(registry, core=False)

    assert [group["metadata"] for group in core["items"]] == [{}]
    names = [group["metadata"]["name"] for group in named["items"]]
    assert {"apps", "batch", "authentication.k8s.io", "apiextensions.k8s.io"} <= set(names)
    count = sum(len(version["resources"]) for group in core["items"] for version in group["versions"])
    assert count == len(registry.of("", "v1"))


def test_custom_kinds_state_their_group() -> None:
    """Response kinds of built-in ones do not."""
    registry = Registry()
    registry.add(
        Resource("shop.example", "v1", "widgets", "Widget", namespaced=True, custom=True, subresources=("status",))
    )
    [group] = [
        each
        for each in discovery.aggregated(registry, core=False)["items"]
        if each["metadata"]["name"] == "shop.example"
    ]

    [resource] = group["versions"][0]["resources"]
    own = {"group": "shop.example", "version": "v1", "kind": "Widget"}
    assert resource["responseKind"] == own
    assert resource["subresources"][0]["responseKind"] == own


def test_legacy_documents_say_the_same() -> None:
    """Group list, group, resource list with subresources."""
    registry = Registry()
    groups = {each["name"]: each for each in discovery.group_list(registry)["groups"]}
    listed = discovery.resource_list(registry, "apps", "v1")

    assert groups["autoscaling"]["preferredVersion"]["version"] == "v2"
    assert listed is not None
    scale = next(each for each in listed["resources"] if each["name"] == "deployments/scale")
    assert (scale["group"], scale["kind"]) == ("autoscaling", "Scale")
    assert discovery.api_versions("host")["versions"] == ["v1"]


def test_what_is_not_there_has_no_document() -> None:
    """Unknown groups and versions."""
    registry = Registry()

    assert discovery.group_document(registry, "nope") is None
    assert discovery.resource_list(registry, "apps", "v7") is None


def test_namespaces_cannot_be_deleted_by_the_dozen() -> None:
    """No deletecollection."""
    namespaces = Registry().by_key("namespaces")

    assert namespaces is not None
    assert "deletecollection" not in discovery.verbs_of(namespaces)
