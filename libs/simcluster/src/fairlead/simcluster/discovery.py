"""Discovery documents: aggregated (apidiscovery.k8s.io v2 and v2beta1, KEP-3352) and legacy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fairlead.simcluster.resources import Registry, Resource

SUBRESOURCE_VERBS: Final = ("get", "patch", "update")
SERVER_VERSION: Final = {
    "major": "1",
    "minor": "37",
    "emulationMajor": "1",
    "emulationMinor": "37",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "36",
    "gitVersion": "v1.37.1+simcluster",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
# Virtual resources: they answer POST and store nothing.
REVIEWS: Final = {
    "authentication.k8s.io": [("selfsubjectreviews", "SelfSubjectReview")],
    "authorization.k8s.io": [("selfsubjectaccessreviews", "SelfSubjectAccessReview")],
}


def verbs_of(resource: Resource) -> list[str]:
    """What can be done with a resource; namespaces have no deletecollection."""
    return [verb for verb in resource.verbs if not (resource.key == "namespaces" and verb == "deletecollection")]


def aggregated_type(version: str) -> str:
    """The content type of an aggregated document: `v2`, or `v2beta1` as Kubernetes served it up to 1.36."""
    return f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"


def _subresource(resource: Resource, name: str) -> tuple[str, str, str]:
    if name == "scale":
        return "autoscaling", "v1", "Scale"
    return resource.group, resource.version, resource.kind


def _subresource_verbs(name: str) -> list[str]:
    return ["get"] if name == "log" else list(SUBRESOURCE_VERBS)


def aggregated(registry: Registry, version: str = "v2", *, core: bool) -> dict[str, Any]:
    """`/api` (core) or `/apis` in one document. Response kinds leave group and version empty, as the server does."""
    groups = [""] if core else [*dict.fromkeys([*registry.groups(), *REVIEWS])]
    items: list[dict[str, Any]] = []
    for group in groups:
        versions = [
            {
                "version": served,
                "resources": [_aggregated_resource(each) for each in registry.of(group, served)],
                "freshness": next(iter({each.freshness for each in registry.of(group, served)}), "Current"),
            }
            for served in registry.versions(group)
        ] or [{"version": "v1", "resources": _reviews(group), "freshness": "Current"}]
        items.append({"metadata": {"name": group} if group else {}, "versions": versions})
    api_version = f"apidiscovery.k8s.io/{version}"
    return {"kind": "APIGroupDiscoveryList", "apiVersion": api_version, "metadata": {}, "items": items}


def _reviews(group: str) -> list[dict[str, Any]]:
    return [
        {
            "resource": plural,
            "responseKind": {"group": "", "version": "", "kind": kind},
            "scope": "Cluster",
            "singularResource": kind.lower(),
            "verbs": ["create"],
        }
        for plural, kind in REVIEWS.get(group, ())
    ]


def _aggregated_resource(resource: Resource) -> dict[str, Any]:
    own = (resource.group, resource.version) if resource.custom else ("", "")
    document: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": {"group": own[0], "version": own[1], "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": verbs_of(resource),
    }
    if resource.short_names:
        document["shortNames"] = list(resource.short_names)
    if resource.categories:
        document["categories"] = list(resource.categories)
    subresources = []
    for name in sorted(resource.subresources):
        group, version, kind = _subresource(resource, name)
        if name != "scale" and not resource.custom:
            group, version = "", ""
        response_kind = {"group": group, "version": version, "kind": kind}
        subresources.append({"subresource": name, "responseKind": response_kind, "verbs": _subresource_verbs(name)})
    if subresources:
        document["subresources"] = subresources
    return document


def api_versions(server_address: str) -> dict[str, Any]:
    """Legacy `/api`."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def group_list(registry: Registry) -> dict[str, Any]:
    """Legacy `/apis`."""
    names = dict.fromkeys([*registry.groups(), *REVIEWS])
    groups = [_group(name, registry.versions(name) or ["v1"]) for name in names]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group_document(registry: Registry, name: str) -> dict[str, Any] | None:
    """Legacy `/apis/<group>`; None when there is no such group."""
    versions = registry.versions(name) or (["v1"] if name in REVIEWS else [])
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def resource_list(registry: Registry, group: str, version: str) -> dict[str, Any] | None:
    """Legacy `/api/v1` and `/apis/<group>/<version>`; None when there is no such group version."""
    resources = registry.of(group, version)
    reviews = REVIEWS.get(group, ()) if version == "v1" else ()
    if not resources and not reviews:
        return None
    entries: list[dict[str, Any]] = []
    for resource in resources:
        entries.extend(_legacy_entries(resource))
    for plural, kind in reviews:
        entries.append({"name": plural, "singularName": "", "namespaced": False, "kind": kind, "verbs": ["create"]})
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}


def _legacy_entries(resource: Resource) -> list[dict[str, Any]]:
    main: dict[str, Any] = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": verbs_of(resource),
    }
    if resource.short_names:
        main["shortNames"] = list(resource.short_names)
    if resource.categories:
        main["categories"] = list(resource.categories)
    entries = [main]
    for name in sorted(resource.subresources):
        group, version, kind = _subresource(resource, name)
        entry = {
            "name": f"{resource.plural}/{name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": kind,
            "verbs": _subresource_verbs(name),
        }
        if name == "scale":
            entry |= {"group": group, "version": version}
        entries.append(entry)
    return entries
