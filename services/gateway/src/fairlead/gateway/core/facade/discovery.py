"""Discovery in all its forms, out of the one document that the agent sends.

The document is an ``APIGroupDiscoveryList`` (k8s.io/api apidiscovery/v2, JSON) with every group in the server's order, the
core group first under no name. Clients take the aggregated form (kubectl from 1.30 v2, from 1.26 v2beta1) or the older one,
a document for each group version. ``storageVersionHash`` and ``serverAddressByClientCIDRs`` of the older form are not in
the aggregated one and are left out: they tell API servers and in-cluster clients about storage and addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

import msgspec

from fairlead.gateway.core.facade.statuses import JSON

Json = dict[str, Any]


class Form(StrEnum):
    """Which form of discovery a client takes."""

    V2 = "v2"
    V2_BETA1 = "v2beta1"
    OLD = "old"


AGGREGATED = (Form.V2, Form.V2_BETA1)
_OFFERED = "application/json"
_WILD = frozenset({"", "*/*", "application/*", JSON})


class UnreadableDocument(ValueError):
    """A stored document is no ``APIGroupDiscoveryList``."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer; without a body the server could not ask whoever serves the group version."""

    body: bytes
    content_type: str
    etag: str

    @classmethod
    def of(cls, body: bytes, content_type: str = JSON) -> Page:
        """Give a body its ETag."""
        return cls(body, content_type, f'"{sha256(body).hexdigest().upper()}"')

    @property
    def cache_control(self) -> str:
        """What API servers tell caches of this form.

        Of the aggregated one k8s.io/apiserver ``aggregated.ServeHTTPWithETag`` says it, of anything else ``WithCacheControl``.
        """
        return "no-cache, private" if self.content_type == JSON else "public"

    @property
    def unavailable(self) -> bool:
        """Whether nothing is known of it."""
        return not self.body


Pages = Mapping[tuple[str, Form], Page]
"""Every answer by path and form."""


def form_of(path: str, accept: str) -> Form | None:
    """The first form that a client takes, as its Accept header orders them; None when it takes none of them.

    Only ``/api`` and ``/apis`` have more than one. Weights (``q=``) are not looked at: no client of Kubernetes sends them.
    """
    for clause in accept.lower().split(","):
        media, *options = (part.strip() for part in clause.split(";"))
        if media not in _WILD:
            continue
        settings = dict(option.partition("=")[::2] for option in options)
        if settings.get("as") == "apigroupdiscoverylist":
            known = settings.get("g") == "apidiscovery.k8s.io" and settings.get("v") in AGGREGATED
            if known and path in ("/api", "/apis"):
                return Form(settings["v"])
            continue
        if "as" not in settings:
            return Form.OLD
    return None


def pages_of(document: bytes) -> Pages:
    """Write every answer that a document gives.

    Raises:
        UnreadableDocument: it is none.

    """
    try:
        groups = msgspec.json.decode(document, type=_Document).items or []
        _spell_out(groups)
        core = [group for group in groups if not group.metadata.get("name")]
        others = [group for group in groups if group.metadata.get("name")]
        found = {
            **{("/api", form): _aggregated(core, form) for form in AGGREGATED},
            **{("/apis", form): _aggregated(others, form) for form in AGGREGATED},
        }
        found |= {(path, Form.OLD): _page(content) for path, content in _old(core, others)}
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError) as error:
        raise UnreadableDocument("the stored discovery document cannot be read") from error
    return found


class _Group(msgspec.Struct):
    metadata: Json = {}
    versions: list[Json] = []

    @property
    def name(self) -> str:
        return str(self.metadata.get("name", ""))

    def place(self, version: str) -> str:
        return f"{self.name}/{version}" if self.name else version


class _Document(msgspec.Struct):
    items: list[_Group] | None = None


def _spell_out(groups: list[_Group]) -> None:
    """Write the group and version of a kind where they are those of its place, as the API server does."""
    for group in groups:
        for version in group.versions:
            for resource in version.get("resources") or ():
                for entry in (resource, *(resource.get("subresources") or ())):
                    if entry.get("responseKind"):
                        entry["responseKind"] = {"group": "", "version": "", **entry["responseKind"]}


def _aggregated(groups: list[_Group], form: Form) -> Page:
    items = [{"metadata": group.metadata, "versions": group.versions} for group in groups]
    content = {"kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{form}", "metadata": {}}
    return _page(content | {"items": items}, f"{JSON};g=apidiscovery.k8s.io;v={form};as=APIGroupDiscoveryList")


def _page(content: Json | None, content_type: str = JSON) -> Page:
    return Page.of(b"" if content is None else msgspec.json.encode(content), content_type)


def _old(core: list[_Group], others: list[_Group]) -> Iterator[tuple[str, Json | None]]:
    """Paths and documents of the older form; None for a group version of which nothing is known."""
    versions = [version["version"] for group in core for version in group.versions]
    yield "/api", {"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": []}
    groups = [_group(group) for group in others if group.versions]
    yield "/apis", {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    for entry in groups:
        yield f"/apis/{entry['name']}", {"kind": "APIGroup", "apiVersion": "v1", **entry}
    for group in (*core, *others):
        for version in group.versions:
            root = "/apis/" if group.name else "/api/"
            yield root + group.place(version["version"]), _resources(group, version)
    yield "/", {"paths": _paths(core, others)}


def _group(group: _Group) -> Json:
    versions = [
        {"groupVersion": group.place(version["version"]), "version": version["version"]} for version in group.versions
    ]
    return {"name": group.name, "versions": versions, "preferredVersion": versions[0]}


def _paths(core: list[_Group], others: list[_Group]) -> list[str]:
    found = {"/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"}
    found |= {f"/api/{version['version']}" for group in core for version in group.versions}
    found |= {f"/apis/{group.name}" for group in others}
    found |= {f"/apis/{group.place(version['version'])}" for group in others for version in group.versions}
    return sorted(found)


def _resources(group: _Group, version: Json) -> Json | None:
    listed = version.get("resources")
    if listed is None and version.get("freshness") == "Stale":
        return None
    place = group.place(version["version"])
    content: Json = {"kind": "APIResourceList"}
    if group.name:
        content["apiVersion"] = "v1"  # the core group's list has none (k8s.io/apiserver, ``LegacyDiscovery``)
    return content | {
        "groupVersion": place,
        "resources": list(_entries((group.name, version["version"]), listed or ())),
    }


def _entries(place: tuple[str, str], resources: Iterable[Json]) -> Iterator[Json]:
    for resource in resources:
        namespaced = resource.get("scope") == "Namespaced"
        if (resource.get("responseKind") or {}).get("kind"):
            singular = resource.get("singularResource", "")
            yield _entry(resource["resource"], singular, place, resource, namespaced=namespaced)
        for sub in resource.get("subresources") or ():
            yield _entry(f"{resource['resource']}/{sub['subresource']}", "", place, sub, namespaced=namespaced)


def _entry(name: str, singular: str, place: tuple[str, str], source: Json, *, namespaced: bool) -> Json:
    """One resource; group and version of its kind are named where they are others than those of its place."""
    kind = source.get("responseKind") or {}
    entry: Json = {"name": name, "singularName": singular, "namespaced": namespaced}
    if (kind.get("group"), kind.get("version")) != place:  # custom resources repeat theirs in the aggregated form
        entry |= {key: kind[key] for key in ("group", "version") if kind.get(key)}
    entry |= {"kind": kind.get("kind", ""), "verbs": source.get("verbs", [])}
    return entry | {key: source[key] for key in ("shortNames", "categories") if source.get(key)}
