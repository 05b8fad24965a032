"""The library against a real kube-apiserver: identity, discovery, lists, watches, refusals."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from fairlead.contracts.identity import Resource
from fairlead.kube.credentials import from_kubeconfig
from fairlead.kube.discovery import discover
from fairlead.kube.errors import AlreadyExists, Conflict, Gone, Invalid, NotFound, VersionTooLarge
from fairlead.kube.lists import list_pages
from fairlead.kube.objects import prepare
from fairlead.kube.resolution import resolve_kind
from fairlead.kube.session import KubeSession
from fairlead.kube.watches import WatchEvent, watch
from fairlead.kube.whoami import cluster_identity, server_version, who_am_i

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.kubernetes_control_plane import ControlPlane

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
SECRETS = Resource("", "v1", "secrets", "Secret", namespaced=True)


@pytest.fixture
async def session(control_plane: ControlPlane) -> AsyncIterator[KubeSession]:
    """A session as the control plane's administrator."""
    credentials = await from_kubeconfig(control_plane.kubeconfig, no_proxy=True)
    async with KubeSession(credentials) as kube:
        yield kube


async def create(session: KubeSession, resource: Resource, namespace: str, name: str, **fields: object) -> None:
    """Create one object."""
    value = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}} | fields
    await session.request("POST", resource.path(namespace), body=json.dumps(value).encode())


async def initial_events(
    session: KubeSession, resource: Resource, namespace: str, *, metadata_only: bool = False
) -> list[WatchEvent]:
    """Read a WatchList up to the bookmark that ends it."""
    found: list[WatchEvent] = []
    batches = watch(
        session,
        resource,
        namespace=namespace,
        resource_version="",
        initial_events=True,
        metadata_only=metadata_only,
        timeout_s=20,
    )
    async with aclosing(batches):
        async for batch in batches:
            found += batch
            if found[-1].initial_events_end:
                break
    return found


async def test_the_server_knows_us_and_its_cluster(session: KubeSession) -> None:
    """The client certificate's user, the server's version, the UID of kube-system."""
    user, identity = await who_am_i(session), await cluster_identity(session)

    assert "system:masters" in user.groups
    assert (await server_version(session)).startswith("v1.")
    assert len(identity.uid) == 36
    assert identity.endpoint == f"{session.credentials.host} {session.credentials.ca_fingerprint}"


async def test_discovery_finds_the_default_kinds(session: KubeSession) -> None:
    """Each of Armory's twelve, preferred and watchable; HPAs and events under one name only."""
    found = await discover(session)
    kinds = (
        "replicaSet service ingress daemonSet deployment pod statefulSet job cronJob networkPolicy namespace "
        "customResourceDefinition"
    )

    assert found.failed_groups == frozenset()
    for kind in kinds.split():
        resolved = resolve_kind(found, kind)
        assert resolved is not None, kind
        assert resolved.preferred
        assert resolved.watchable
    for plural in ("events", "horizontalpodautoscalers"):
        assert sum(one.preferred for one in found.resources if one.resource.plural == plural) == 1


async def test_a_paged_list_shows_one_version(session: KubeSession, namespace: str) -> None:
    """Every item once, each with its identity, typed and without managed fields."""
    for number in range(7):
        await create(session, CONFIG_MAPS, namespace, f"map-{number}", data={"key": "value"})

    pages = [page async for page in list_pages(session, CONFIG_MAPS, namespace=namespace, limit=3)]
    prepared = [prepare(item, CONFIG_MAPS) for page in pages for item in page.items]

    assert len({page.version for page in pages}) == 1
    assert {f"map-{number}" for number in range(7)} <= {item.identity.name for item in prepared}
    for item in prepared:
        body = json.loads(item.body)
        assert (body["apiVersion"], body["kind"]) == ("v1", "ConfigMap")
        assert "managedFields" not in body["metadata"]
        assert item.identity.version == int(body["metadata"]["resourceVersion"])


async def test_a_watch_follows_writes_from_a_listed_version(session: KubeSession, namespace: str) -> None:
    """Create, update and delete come in order, each with a newer version."""
    await create(session, CONFIG_MAPS, namespace, "before")
    version = [page.version async for page in list_pages(session, CONFIG_MAPS, namespace=namespace)][-1]
    path = CONFIG_MAPS.path(namespace, "after")
    await create(session, CONFIG_MAPS, namespace, "after")
    merge = {"Content-Type": "application/merge-patch+json"}
    await session.request("PATCH", path, headers=merge, body=b'{"data":{"a":"b"}}')
    await session.request("DELETE", path)

    found: list[WatchEvent] = []
    batches = watch(session, CONFIG_MAPS, namespace=namespace, resource_version=str(version), timeout_s=20)
    async with aclosing(batches):
        async for batch in batches:
            found += [event for event in batch if event.type != "BOOKMARK" and b'"after"' in event.object]
            if len(found) == 3:
                break
    identities = [prepare(event.object).identity for event in found]

    assert [event.type for event in found] == ["ADDED", "MODIFIED", "DELETED"]
    assert version < identities[0].version < identities[1].version < identities[2].version
    assert len({identity.uid for identity in identities}) == 1


async def test_a_watch_list_ends_with_its_bookmark(session: KubeSession, namespace: str) -> None:
    """Everything that exists, then the bookmark with the version of the snapshot."""
    await create(session, CONFIG_MAPS, namespace, "one")

    *added, end = await initial_events(session, CONFIG_MAPS, namespace)

    assert {event.type for event in added} == {"ADDED"}
    assert "one" in {prepare(event.object).identity.name for event in added}
    assert end.version >= max(prepare(event.object).identity.version for event in added)


async def test_secrets_read_as_metadata_hold_no_values(session: KubeSession, namespace: str) -> None:
    """Neither in a list nor in a watch; prepared, they are Secrets by name."""
    await create(session, SECRETS, namespace, "hidden", stringData={"password": "sesame"})

    listed = [
        item
        async for page in list_pages(session, SECRETS, namespace=namespace, metadata_only=True)
        for item in page.items
    ]
    watched = [event.object for event in await initial_events(session, SECRETS, namespace, metadata_only=True)][:-1]

    assert len(listed) == len(watched) == 1
    for raw in (*listed, *watched):
        body = json.loads(prepare(raw, SECRETS).body)
        assert (body["kind"], body["metadata"]["name"]) == ("Secret", "hidden")
        assert set(body) == {"apiVersion", "kind", "metadata"}


async def test_refusals_have_their_meaning(session: KubeSession, namespace: str) -> None:
    """As the real server words them."""
    await create(session, CONFIG_MAPS, namespace, "taken")
    path = CONFIG_MAPS.path(namespace, "taken")
    outdated = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "taken", "resourceVersion": "1"}}

    with pytest.raises(AlreadyExists, match="already exists"):
        await create(session, CONFIG_MAPS, namespace, "taken")
    with pytest.raises(Conflict, match="the object has been modified"):
        await session.request("PUT", path, body=json.dumps(outdated).encode())
    with pytest.raises(Invalid):
        await create(session, CONFIG_MAPS, namespace, "Not A Name")
    with pytest.raises(NotFound):
        await session.request("GET", CONFIG_MAPS.path(namespace, "absent"))


async def test_versions_outside_the_servers_memory(
    control_plane: ControlPlane, session: KubeSession, namespace: str
) -> None:
    """A version from the future is too large; a token of a compacted version is gone."""
    future = list_pages(session, CONFIG_MAPS, resource_version="99999999999", resource_version_match="NotOlderThan")
    with pytest.raises(VersionTooLarge) as refused:
        await anext(future)
    assert refused.value.retry_after_s == 1

    for number in range(3):
        await create(session, CONFIG_MAPS, namespace, f"map-{number}")
    pages = list_pages(session, CONFIG_MAPS, namespace=namespace, limit=1)
    await anext(pages)
    await create(session, CONFIG_MAPS, namespace, "later")
    control_plane.compact()
    with pytest.raises(Gone):
        await anext(pages)
