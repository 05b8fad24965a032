"""The watcher's eyes on a real API server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from tests.support.kubernetes_control_plane import ControlPlane

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.runtime.errors import ConfigurationError
from fairlead.watcher.adapters.kubernetes import KubernetesCluster, connect, credentials
from fairlead.watcher.core.scope import Selection
from fairlead.watcher.errors import AccessRefused, ResourceGone, VersionForgotten
from fairlead.watcher.ports import Item, Seen

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
SECRETS = Resource("", "v1", "secrets", "Secret", True)
WIDGETS = Resource("example.com", "v1", "widgets", "Widget", True)


@pytest.fixture
async def cluster(control_plane: ControlPlane) -> AsyncIterator[KubernetesCluster]:
    """The control plane as its administrator sees it."""
    found = await credentials(kubeconfig=control_plane.kubeconfig, context="admin", insecure=False, no_proxy=True)
    async with connect("account", found, request_timeout_s=10, page_size=2) as opened:
        yield opened


def within(namespace: str, resource: Resource = CONFIG_MAPS) -> Selection:
    """Everything of a resource in a namespace."""
    return Selection(resource, namespace, "", frozenset())


def create(plane: ControlPlane, namespace: str, *names: str) -> None:
    """Create ConfigMaps."""
    for name in names:
        body = {"metadata": {"name": name, "labels": {"name": name}}, "data": {"key": "value"}}
        plane.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)


async def names_listed(cluster: KubernetesCluster, selection: Selection) -> set[str]:
    """Names of all pages of a list."""
    return {state.key.name async for page in cluster.pages(selection, None) for state in page.states}


async def test_the_cluster_introduces_itself(cluster: KubernetesCluster, control_plane: ControlPlane) -> None:
    """Identity, version and who we are come from the server."""
    info = await cluster.describe()
    system = control_plane.request("GET", "/api/v1/namespaces/kube-system")

    assert info.uid == system["metadata"]["uid"]
    assert info.user == "admin"
    assert info.version.startswith("v1.")


async def test_kinds_become_resources(cluster: KubernetesCluster) -> None:
    """Armory's spelling of kinds is understood; what is not served is named."""
    catalogue = await cluster.discover(("deployment", "ConfigMap", "Widget.example.com"))

    assert [each.name for each in catalogue.resources] == ["deployments.apps", "configmaps"]
    assert catalogue.missing == ("Widget.example.com",)
    assert catalogue.documents[""].startswith(b'{"kind":"APIGroupDiscoveryList"')
    assert b'"gitVersion"' in catalogue.documents["/version"]


async def test_lists_come_page_by_page_without_managed_fields(
    cluster: KubernetesCluster, control_plane: ControlPlane, namespace: str
) -> None:
    """All pages are of one version; objects name their kind and have no managedFields."""
    create(control_plane, namespace, "a", "b", "c")
    pages = [page async for page in cluster.pages(within(namespace), None)]
    bodies = [state.object for page in pages for state in page.states]

    assert len({page.version for page in pages}) == 1
    assert len(pages) >= 2
    assert all(b'"kind":"ConfigMap"' in body and b"managedFields" not in body for body in bodies)
    assert await cluster.version(within(namespace)) >= pages[0].version


async def test_a_streaming_list_ends_with_its_version(
    cluster: KubernetesCluster, control_plane: ControlPlane, namespace: str
) -> None:
    """WatchList gives what exists and then the version from which to watch on; the watch shows what follows."""
    create(control_plane, namespace, "a")
    items = await read_until(cluster, within(namespace), None, Seen.LIST_END, initial=True)
    end = items[-1].version
    create(control_plane, namespace, "b")
    control_plane.request("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/b")
    later = await read_until(cluster, within(namespace), end, Seen.DELETED, initial=False)

    assert "a" in {item.state.key.name for item in items if item.state}
    assert [(item.seen, item.state.key.name) for item in later if item.state and item.state.key.name == "b"] == [
        (Seen.CHANGED, "b"),
        (Seen.DELETED, "b"),
    ]
    assert later[-1].version > later[-2].version > end


async def test_values_of_secrets_are_never_asked_for(
    cluster: KubernetesCluster, control_plane: ControlPlane, namespace: str
) -> None:
    """Lists, watches and reads of Secrets bring metadata only, under the Secret's own kind."""
    body = {"metadata": {"name": "s"}, "stringData": {"password": "sentinel-value"}}
    control_plane.request("POST", f"/api/v1/namespaces/{namespace}/secrets", body)
    selection = within(namespace, SECRETS)
    listed = [state async for page in cluster.pages(selection, None) for state in page.states]
    streamed = await read_until(cluster, selection, None, Seen.LIST_END, initial=True)
    got = await cluster.get(selection, ObjectKey(namespace, "s"))
    bodies = [state.object for state in [*listed, *(item.state for item in streamed), got] if state is not None]

    assert len(bodies) >= 3
    assert all(b'"kind":"Secret"' in each and b'"data"' not in each for each in bodies)


async def test_label_selectors_are_the_servers(
    cluster: KubernetesCluster, control_plane: ControlPlane, namespace: str
) -> None:
    """Only objects with the label are listed."""
    create(control_plane, namespace, "a", "b")

    assert await names_listed(cluster, Selection(CONFIG_MAPS, namespace, "name=b", frozenset())) == {"b"}


async def test_what_is_absent_is_told_apart_from_what_is_refused(
    cluster: KubernetesCluster, control_plane: ControlPlane, namespace: str
) -> None:
    """A missing object, a missing kind and a refusal are three different things."""
    found = await credentials(kubeconfig=control_plane.kubeconfig, context="plain-user", insecure=False, no_proxy=True)

    assert await cluster.get(within(namespace), ObjectKey(namespace, "nobody")) is None
    with pytest.raises(ResourceGone):
        await cluster.version(within(namespace, WIDGETS))
    async with connect("account", found, request_timeout_s=10, page_size=2) as opened:
        with pytest.raises(AccessRefused):
            await names_listed(opened, within(namespace))


async def test_a_compacted_version_is_forgotten(
    cluster: KubernetesCluster, control_plane: ControlPlane, namespace: str
) -> None:
    """A watch from a version that etcd compacted away has to list."""
    before = await cluster.version(within(namespace))
    create(control_plane, namespace, "a", "b")
    control_plane.compact()

    with pytest.raises(VersionForgotten):
        await read_until(cluster, within(namespace), before, Seen.DELETED, initial=False)


async def test_unusable_credentials_are_faults_of_the_configuration(control_plane: ControlPlane) -> None:
    """An unknown context is named, with those that exist."""
    with pytest.raises(ConfigurationError, match="plain-user"):
        await credentials(kubeconfig=control_plane.kubeconfig, context="nobody", insecure=False, no_proxy=True)


async def read_until(
    cluster: KubernetesCluster, selection: Selection, version: int | None, seen: Seen, *, initial: bool
) -> list[Item]:
    """Read a watch until an item of a kind."""
    read: list[Item] = []
    async with aclosing(cluster.watch(selection, version, initial=initial)) as watch:
        async for items in watch:
            read += items
            if any(item.seen is seen for item in items):
                return read
    raise AssertionError("the watch ended early")
