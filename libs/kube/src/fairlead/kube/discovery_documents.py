"""The wire forms of discovery: aggregated (k8s.io/api ``apidiscovery/v2``) and older (``metav1.APIResourceList``)."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from fairlead.kube.errors import ProtocolError

_Form = TypeVar("_Form")


class _Wire(msgspec.Struct, rename="camel", omit_defaults=True):
    """Fields are named as on the wire, in camel case; null and absent are the same."""


class TypeName(_Wire):
    """The ``kind`` that every answer names."""

    kind: str = ""


class ResponseKind(_Wire):
    """A kind; group and version are empty when they are those of the place where it stands."""

    group: str = ""
    version: str = ""
    kind: str = ""


class SubresourceDiscovery(_Wire):
    """One subresource, such as ``scale``."""

    subresource: str
    response_kind: ResponseKind | None = None
    accepted_types: list[ResponseKind] | None = None
    verbs: list[str] | None = None


class ResourceDiscovery(_Wire):
    """One resource of a group version."""

    resource: str
    response_kind: ResponseKind | None = None
    scope: str = ""
    singular_resource: str = ""
    verbs: list[str] | None = None
    short_names: list[str] | None = None
    categories: list[str] | None = None
    subresources: list[SubresourceDiscovery] | None = None


class VersionDiscovery(_Wire):
    """One version of a group; ``Stale`` when the server could not ask whoever serves it."""

    version: str
    resources: list[ResourceDiscovery] | None = None
    freshness: str = ""

    @property
    def stale(self) -> bool:
        """Whether what is told here may be old or incomplete."""
        return self.freshness == "Stale"


class GroupMeta(_Wire):
    """The group's name; absent for the core group."""

    name: str = ""


class GroupDiscovery(_Wire):
    """One group, its versions in the server's order of preference."""

    metadata: GroupMeta
    versions: list[VersionDiscovery] | None = None


class GroupDiscoveryList(_Wire):
    """The aggregated answer of ``/api`` or ``/apis``."""

    items: list[GroupDiscovery] | None = None


class ApiVersions(_Wire):
    """The older answer of ``/api``."""

    versions: list[str] | None = None


class GroupVersion(_Wire):
    """One version as the older answer of ``/apis`` names it."""

    version: str


class ApiGroup(_Wire):
    """One group of the older answer of ``/apis``."""

    name: str
    versions: list[GroupVersion] | None = None
    preferred_version: GroupVersion | None = None

    @property
    def in_order(self) -> list[str]:
        """The versions, the preferred one first."""
        versions = [entry.version for entry in self.versions or ()]
        first = self.preferred_version.version if self.preferred_version else ""
        return sorted(versions, key=lambda version: version != first)


class ApiGroupList(_Wire):
    """The older answer of ``/apis``."""

    groups: list[ApiGroup] | None = None


class ApiResource(_Wire):
    """One resource, or one subresource as ``pods/log``, of the older answer of a group version."""

    name: str
    kind: str = ""
    group: str = ""
    version: str = ""
    namespaced: bool = False
    singular_name: str = ""
    verbs: list[str] | None = None
    short_names: list[str] | None = None
    categories: list[str] | None = None


class ApiResourceList(_Wire):
    """The older answer of a group version."""

    resources: list[ApiResource] | None = None


def decoded(body: bytes, form: type[_Form]) -> _Form:
    """Read one of the forms above.

    Raises:
        ProtocolError: the body does not have it.

    """
    try:
        return msgspec.json.decode(body, type=form)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"the answer is no discovery document: {error}") from error


def from_legacy(version: str, answer: ApiResourceList) -> VersionDiscovery:
    """Give the older form of one group version the aggregated form, subresources under their resources."""
    resources: dict[str, ResourceDiscovery] = {}
    for entry in answer.resources or ():
        name, _, subresource = entry.name.partition("/")
        kind = ResponseKind(entry.group, entry.version, entry.kind)
        if not subresource:
            resources[name] = ResourceDiscovery(
                name,
                kind,
                "Namespaced" if entry.namespaced else "Cluster",
                entry.singular_name,
                entry.verbs,
                entry.short_names,
                entry.categories,
            )
        elif name in resources:
            known = resources[name].subresources or []
            resources[name].subresources = [*known, SubresourceDiscovery(subresource, kind, verbs=entry.verbs)]
    return VersionDiscovery(version, list(resources.values()), "Current")


def combined(groups: list[GroupDiscovery]) -> bytes:
    """Write groups as one aggregated document; equal groups give equal bytes."""
    document = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}}
    return msgspec.json.encode(document | {"items": groups})
