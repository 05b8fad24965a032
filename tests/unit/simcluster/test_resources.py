"""The table of resources and the registry."""

from __future__ import annotations

from dataclasses import replace

from fairlead.simcluster.resources import Registry, Resource, built_in


def test_the_table_is_read() -> None:
    """Group, scope, names and marks of a few."""
    known = {each.key: each for each in built_in() if each.version != "v1" or each.group != "autoscaling"}

    deployments = known["deployments.apps"]
    assert (deployments.api_version, deployments.kind, deployments.namespaced) == ("apps/v1", "Deployment", True)
    assert (deployments.short_names, deployments.subresources) == (("deploy",), ("scale", "status"))
    assert deployments.keeps_generation
    assert not known["configmaps"].keeps_generation
    assert known["services"].returns_deleted
    assert not known["nodes"].namespaced
    assert known["endpoints"].collection_kind == "EndpointsList"


def test_events_share_their_storage() -> None:
    """Two groups, one table."""
    registry = Registry()
    core, named = registry.by_key("events"), registry.by_key("events.events.k8s.io")

    assert core is not None
    assert named is not None
    assert core.storage == named.storage
    assert registry.of_storage("events") == core


def test_resources_are_found_by_path_and_by_kind() -> None:
    """Or not at all."""
    registry = Registry()

    assert registry.find("", "v1", "pods") == registry.by_kind("v1", "Pod")
    assert registry.by_kind("apps/v1", "Deployment") == registry.by_key("deployments.apps")
    assert registry.find("apps", "v2", "deployments") is None
    assert registry.by_kind("v1", "Gadget") is None


def test_custom_resources_come_and_go() -> None:
    """With all their versions."""
    registry = Registry()
    first = Resource("shop.example", "v2", "widgets", "Widget", namespaced=True, custom=True, storage="s")
    registry.add(first)
    registry.add(replace(first, version="v1"))

    assert registry.versions("shop.example") == ["v2", "v1"]
    assert registry.groups()[-1] == "shop.example"
    assert [each.plural for each in registry.of("shop.example", "v1")] == ["widgets"]
    assert len(registry.remove("shop.example", "widgets")) == 2
    assert "shop.example" not in registry.groups()
    assert first not in list(registry)


def test_autoscaling_prefers_version_two() -> None:
    """Both are served."""
    assert Registry().versions("autoscaling") == ["v2", "v1"]
