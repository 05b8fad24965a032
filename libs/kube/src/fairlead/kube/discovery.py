"""What a server serves: every resource of every group, and which of several names for one object to use.

Three forms of the answer are understood: aggregated discovery v2 and v2beta1 (KEP-3352: two requests), and the older
one with a document per group version. The result is the same: groups, versions and resources in the server's order,
which is its order of preference.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fairlead.contracts.identity import Resource
from fairlead.kube.discovery_documents import (
    ApiGroupList,
    ApiResourceList,
    ApiVersions,
    GroupDiscovery,
    GroupDiscoveryList,
    GroupMeta,
    ResourceDiscovery,
    TypeName,
    VersionDiscovery,
    combined,
    decoded,
    from_legacy,
)
from fairlead.kube.errors import KubeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fairlead.kube.session import KubeSession

_ACCEPT = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)
# Of the older form: one slow group must not hold up the rest, nor may the server be flooded.
_REQUESTS_AT_ONCE = 8

# Objects that the API server keeps once and serves from two groups: (group, plural) → the group to read them in.
# The ``extensions`` group was served by Kubernetes below 1.22.
_SAME_OBJECTS = {
    ("events.k8s.io", "events"): "",
    ("extensions", "daemonsets"): "apps",
    ("extensions", "deployments"): "apps",
    ("extensions", "ingresses"): "networking.k8s.io",
    ("extensions", "networkpolicies"): "networking.k8s.io",
    ("extensions", "podsecuritypolicies"): "policy",
    ("extensions", "replicasets"): "apps",
}


@dataclass(frozen=True, slots=True)
class DiscoveredResource:
    """One resource as one group version serves it.

    ``preferred`` is True for exactly one of the names under which the same objects are served.
    """

    resource: Resource
    verbs: frozenset[str]
    preferred: bool
    singular: str
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    subresources: tuple[str, ...]

    @property
    def watchable(self) -> bool:
        """Whether it can be mirrored: listed and watched."""
        return {"list", "watch"} <= self.verbs


@dataclass(frozen=True, slots=True)
class Discovery:
    """Everything a server serves, in its order of groups and versions.

    ``failed_groups`` are those of which at least one version could not be read or is stale: what such a group lacks
    here may exist all the same, and its preferred version may be another. ``document`` is the whole as one
    ``APIGroupDiscoveryList`` (apidiscovery.k8s.io/v2) in JSON, the core group first under the empty name, whatever
    form the server used; equal content gives equal bytes.
    """

    resources: tuple[DiscoveredResource, ...]
    failed_groups: frozenset[str]
    document: bytes


async def discover(session: KubeSession) -> Discovery:
    """Read the server's discovery, aggregated when it can do that.

    Raises:
        KubeError: the root of the API could not be read. The failure of a group alone is in ``failed_groups``.

    """
    return digest(await _read_root(session, "/api") + await _read_root(session, "/apis"))


async def read_group_version(session: KubeSession, api_version: str) -> tuple[DiscoveredResource, ...]:
    """Read what one group version serves, past the server's own summary, which may lack a group that is slow.

    Raises:
        KubeError: it could not be read.

    """
    group, _, version = api_version.rpartition("/")
    answer = await session.request("GET", f"/apis/{group}/{version}" if group else f"/api/{version}")
    return tuple(
        _resources(GroupDiscovery(GroupMeta(group)), from_legacy(version, decoded(answer.body, ApiResourceList)))
    )


def digest(groups: list[GroupDiscovery]) -> Discovery:
    """Make the result out of the groups in the server's order."""
    resources = [found for group in groups for version in group.versions or () for found in _resources(group, version)]
    failed = {group.metadata.name for group in groups if any(version.stale for version in group.versions or ())}
    return Discovery(_with_preferences(resources), frozenset(failed), combined(groups))


def _resources(group: GroupDiscovery, version: VersionDiscovery) -> Iterator[DiscoveredResource]:
    for entry in version.resources or ():
        if entry.response_kind is None or not entry.response_kind.kind:
            continue  # stands only for its subresources
        yield _resource(group.metadata.name, version.version, entry, entry.response_kind.kind)


def _resource(group: str, version: str, entry: ResourceDiscovery, kind: str) -> DiscoveredResource:
    return DiscoveredResource(
        resource=Resource(group, version, entry.resource, kind, entry.scope == "Namespaced"),
        verbs=frozenset(entry.verbs or ()),
        preferred=False,
        singular=entry.singular_resource or kind.lower(),
        short_names=tuple(entry.short_names or ()),
        categories=tuple(entry.categories or ()),
        subresources=tuple(sub.subresource for sub in entry.subresources or ()),
    )


def _with_preferences(found: list[DiscoveredResource]) -> tuple[DiscoveredResource, ...]:
    served = {(one.resource.group, one.resource.plural) for one in found if one.watchable}
    taken: set[tuple[str, str]] = set()
    marked = []
    for one in found:
        name = (one.resource.group, one.resource.plural)
        other = _SAME_OBJECTS.get(name)
        is_second_name = other is not None and (other, one.resource.plural) in served
        marked.append(replace(one, preferred=name not in taken and not is_second_name))
        taken.add(name)
    return tuple(marked)


async def _read_root(session: KubeSession, path: str) -> list[GroupDiscovery]:
    """Read ``/api`` or ``/apis``; a server without aggregated discovery answers in the older form."""
    body = (await session.request("GET", path, headers={"Accept": _ACCEPT})).body
    kind = decoded(body, TypeName).kind
    if kind == "APIGroupDiscoveryList":
        return decoded(body, GroupDiscoveryList).items or []
    limit = asyncio.Semaphore(_REQUESTS_AT_ONCE)
    if kind == "APIVersions":
        return [await _read_group(session, "", decoded(body, ApiVersions).versions or [], limit)]
    async with asyncio.TaskGroup() as tasks:
        groups = [
            tasks.create_task(_read_group(session, group.name, group.in_order, limit))
            for group in decoded(body, ApiGroupList).groups or ()
        ]
    return [group.result() for group in groups]


async def _read_group(
    session: KubeSession, group: str, versions: list[str], limit: asyncio.Semaphore
) -> GroupDiscovery:
    read = []
    for version in versions:
        try:
            async with limit:
                answer = await session.request("GET", f"/apis/{group}/{version}" if group else f"/api/{version}")
            read.append(from_legacy(version, decoded(answer.body, ApiResourceList)))
        except KubeError:
            read.append(VersionDiscovery(version, freshness="Stale"))
    return GroupDiscovery(GroupMeta(group), read)
