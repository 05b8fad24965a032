"""Names people write find the resource they mean."""

from __future__ import annotations

import pytest

from fairlead.kube.discovery import Discovery, digest
from fairlead.kube.discovery_documents import (
    GroupDiscovery,
    GroupMeta,
    ResourceDiscovery,
    ResponseKind,
    VersionDiscovery,
)
from fairlead.kube.resolution import resolve_kind, resolve_type


def served(plural: str, kind: str) -> ResourceDiscovery:
    """Build a namespaced resource that can be listed and watched."""
    return ResourceDiscovery(plural, ResponseKind(kind=kind), "Namespaced", kind.lower(), ["get", "list", "watch"])


def group(name: str, **versions: list[ResourceDiscovery]) -> GroupDiscovery:
    """Build a group with its versions in order."""
    return GroupDiscovery(GroupMeta(name), [VersionDiscovery(version, found) for version, found in versions.items()])


@pytest.fixture
def discovery() -> Discovery:
    """A server with doubles: two kinds of Service, events in two groups, two versions of HPAs."""
    return digest(
        [
            group("", v1=[served("services", "Service"), served("events", "Event")]),
            group("apps", v1=[served("replicasets", "ReplicaSet")]),
            group("events.k8s.io", v1=[served("events", "Event")]),
            group("autoscaling", v2=[served("hpas", "HPA")], v1=[served("hpas", "HPA")]),
            group("serving.knative.dev", v1=[served("services", "Service")]),
        ]
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("replicaSet", ("apps", "v1", "replicasets")),
        ("REPLICASETS", ("apps", "v1", "replicasets")),
        ("ReplicaSet.apps", ("apps", "v1", "replicasets")),
        ("service", ("", "v1", "services")),
        ("Service.serving.knative.dev", ("serving.knative.dev", "v1", "services")),
        ("hpa", ("autoscaling", "v2", "hpas")),
        ("event", ("", "v1", "events")),
        ("event.events.k8s.io", ("events.k8s.io", "v1", "events")),
    ],
)
def test_a_kind_is_found_as_spinnaker_spells_it(discovery: Discovery, name: str, expected: tuple[str, ...]) -> None:
    """Case does not matter; without a group the built-in kind and the preferred name win."""
    found = resolve_kind(discovery, name)

    assert found is not None
    assert (found.resource.group, found.resource.version, found.resource.plural) == expected


@pytest.mark.parametrize("name", ["", "nothing", "Service.apps", ".apps"])
def test_an_unknown_kind_is_none(discovery: Discovery, name: str) -> None:
    """A group that lacks the kind does not fall back to another."""
    assert resolve_kind(discovery, name) is None


def test_a_manifests_type_is_found_exactly(discovery: Discovery) -> None:
    """Any served version will do, not only the preferred one."""
    found = resolve_type(discovery, "autoscaling/v1", "HPA")

    assert found is not None
    assert found.resource.api_version == "autoscaling/v1"
    assert resolve_type(discovery, "v1", "service") is None
    assert resolve_type(discovery, "apps/v1", "Service") is None


def test_short_names_count_where_no_kind_has_the_name(discovery: Discovery) -> None:
    """As the server tells them; a kind of that name goes before, wherever it stands."""
    pods = served("pods", "Pod")
    pods.short_names = ["po", "hpa"]
    found = digest([group("", v1=[pods]), group("autoscaling", v2=[served("hpas", "HPA")])])

    assert resolve_kind(discovery, "po") is None
    for name, plural in (("po", "pods"), ("hpa", "hpas")):
        resolved = resolve_kind(found, name)
        assert resolved is not None
        assert resolved.resource.plural == plural
