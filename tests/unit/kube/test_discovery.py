"""Discovery reads every form a server may answer in, and loses nothing by failures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.scripted_api import Reply, ScriptedApi, failure, reply

from fairlead.contracts.identity import Resource
from fairlead.kube.discovery import Discovery, discover
from fairlead.kube.errors import Forbidden, ProtocolError

if TYPE_CHECKING:
    from fairlead.kube.session import KubeSession

VERBS = ["get", "list", "watch"]


def aggregated(*groups: dict[str, Any], version: str = "v2") -> Reply:
    """Answer with aggregated discovery."""
    return reply({"kind": "APIGroupDiscoveryList", "apiVersion": f"apidiscovery.k8s.io/{version}", "items": groups})


def group(name: str, *versions: dict[str, Any]) -> dict[str, Any]:
    """Build a group; the core group has no name."""
    return {"metadata": {"name": name} if name else {}, "versions": versions}


def version(name: str, *resources: dict[str, Any], freshness: str = "Current") -> dict[str, Any]:
    """Build a version of a group."""
    return {"version": name, "resources": resources, "freshness": freshness}


def resource(plural: str, kind: str, scope: str = "Namespaced", **more: Any) -> dict[str, Any]:
    """Build a resource of a version."""
    return {"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": VERBS} | more


def legacy(*resources: dict[str, Any]) -> Reply:
    """Answer with the older document of one group version."""
    return reply({"kind": "APIResourceList", "resources": resources})


def names(discovery: Discovery, *, preferred: bool) -> list[str]:
    """List ``name/version`` of what is, or is not, preferred."""
    return [f"{d.resource.name}/{d.resource.version}" for d in discovery.resources if d.preferred is preferred]


async def test_aggregated_discovery_takes_two_requests(api: ScriptedApi, session: KubeSession) -> None:
    """Everything a resource is known by is there, in the server's order."""
    scale = {"subresource": "scale", "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"}}
    deployments = resource(
        "deployments",
        "Deployment",
        singularResource="deployment",
        shortNames=["deploy"],
        categories=["all"],
        subresources=[scale],
    )
    api.on("/api", aggregated(group("", version("v1", resource("nodes", "Node", "Cluster")))))
    api.on("/apis", aggregated(group("apps", version("v1", deployments))))

    found = await discover(session)

    assert [seen.path for seen in api.seen] == ["/api", "/apis"]
    nodes, apps = found.resources
    assert nodes.resource == Resource("", "v1", "nodes", "Node", namespaced=False)
    assert nodes.singular == "node"
    assert apps.resource == Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
    assert (apps.singular, apps.short_names, apps.categories, apps.subresources) == (
        "deployment",
        ("deploy",),
        ("all",),
        ("scale",),
    )
    assert apps.watchable
    assert found.failed_groups == frozenset()


async def test_the_document_is_one_list_of_all_groups(api: ScriptedApi, session: KubeSession) -> None:
    """In the newest form whatever the server used, and the same bytes for the same content."""
    core, apps = group("", version("v1", resource("pods", "Pod"))), group("apps", version("v1"))
    api.on("/api", aggregated(core, version="v2beta1"), aggregated(core))
    api.on("/apis", aggregated(apps, version="v2beta1"), aggregated(apps))

    first, second = await discover(session), await discover(session)

    assert first.document == second.document
    document = json.loads(first.document)
    assert (document["kind"], document["apiVersion"]) == ("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2")
    assert [entry["metadata"] for entry in document["items"]] == [{}, {"name": "apps"}]
    assert document["items"][0]["versions"][0]["resources"] == [resource("pods", "Pod")]


async def test_a_stale_version_makes_its_group_failed_not_absent(api: ScriptedApi, session: KubeSession) -> None:
    """What the server still knows of it stays; what it lacks may exist all the same."""
    stale = version("v1", resource("widgets", "Widget"), freshness="Stale")
    api.on("/api", aggregated())
    api.on("/apis", aggregated(group("metrics.k8s.io", version("v1beta1", freshness="Stale")), group("shop.io", stale)))

    found = await discover(session)

    assert found.failed_groups == {"metrics.k8s.io", "shop.io"}
    assert names(found, preferred=True) == ["widgets.shop.io/v1"]


async def test_one_object_has_one_preferred_name(api: ScriptedApi, session: KubeSession) -> None:
    """The server's first version of a group, and one of two groups that serve the same storage."""
    api.on("/api", aggregated(group("", version("v1", resource("events", "Event")))))
    api.on(
        "/apis",
        aggregated(
            group(
                "extensions", version("v1beta1", resource("ingresses", "Ingress"), resource("daemonsets", "DaemonSet"))
            ),
            group("networking.k8s.io", version("v1", resource("ingresses", "Ingress"))),
            group("events.k8s.io", version("v1", resource("events", "Event"))),
            group("autoscaling", version("v2", resource("hpas", "HPA")), version("v1", resource("hpas", "HPA"))),
            group("shop.io", version("v1", resource("events", "Event"))),
        ),
    )

    found = await discover(session)

    assert names(found, preferred=True) == [
        "events/v1",
        "daemonsets.extensions/v1beta1",
        "ingresses.networking.k8s.io/v1",
        "hpas.autoscaling/v2",
        "events.shop.io/v1",
    ]
    assert names(found, preferred=False) == [
        "ingresses.extensions/v1beta1",
        "events.events.k8s.io/v1",
        "hpas.autoscaling/v1",
    ]


async def test_the_older_form_gives_the_same_result(api: ScriptedApi, session: KubeSession) -> None:
    """The preferred version comes first; subresources stand under their resources."""
    api.on("/api", reply({"kind": "APIVersions", "versions": ["v1"]}))
    versions = [{"version": "v1"}, {"version": "v2"}]
    api.on(
        "/apis",
        reply(
            {"kind": "APIGroupList", "groups": [{"name": "a", "versions": versions, "preferredVersion": versions[1]}]}
        ),
    )
    hpas = {"name": "hpas", "kind": "HPA", "namespaced": True, "singularName": "hpa", "verbs": VERBS}
    api.on("/api/v1", legacy({"name": "nodes", "kind": "Node", "namespaced": False, "verbs": VERBS}))
    api.on("/apis/a/v1", legacy(hpas))
    api.on("/apis/a/v2", legacy(hpas, {"name": "hpas/status", "kind": "HPA", "namespaced": True, "verbs": ["get"]}))

    found = await discover(session)

    assert names(found, preferred=True) == ["nodes/v1", "hpas.a/v2"]
    assert names(found, preferred=False) == ["hpas.a/v1"]
    assert found.resources[1].subresources == ("status",)
    assert [entry["metadata"] for entry in json.loads(found.document)["items"]] == [{}, {"name": "a"}]


async def test_a_group_that_fails_in_the_older_form_is_failed(api: ScriptedApi, session: KubeSession) -> None:
    """The others are read all the same."""
    groups = [{"name": name, "versions": [{"version": "v1"}]} for name in ("broken", "fine")]
    api.on("/api", reply({"kind": "APIVersions", "versions": []}))
    api.on("/apis", reply({"kind": "APIGroupList", "groups": groups}))
    api.on("/apis/broken/v1", failure(503, "ServiceUnavailable"))
    api.on("/apis/fine/v1", legacy({"name": "things", "kind": "Thing", "namespaced": True, "verbs": VERBS}))

    found = await discover(session)

    assert found.failed_groups == {"broken"}
    assert names(found, preferred=True) == ["things.fine/v1"]


async def test_a_root_that_cannot_be_read_is_an_error(api: ScriptedApi, session: KubeSession) -> None:
    """Then nothing is known, and nothing may be concluded."""
    api.on("/api", failure(403, "Forbidden"), reply(["sesame"]))

    with pytest.raises(Forbidden):
        await discover(session)
    with pytest.raises(ProtocolError, match="no discovery document"):
        await discover(session)
