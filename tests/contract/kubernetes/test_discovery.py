"""Discovery documents, aggregated and legacy."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.contract.kubernetes.client import WAIT_S, Api
from tests.contract.kubernetes.gizmos import gizmos

from fairlead.simcluster.discovery import aggregated
from fairlead.simcluster.resources import Registry

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def _resources(document: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {
        (group["metadata"].get("name", ""), version["version"], resource["resource"]): resource
        for group in document["items"]
        for version in group["versions"]
        for resource in version["resources"]
    }


async def test_aggregated_discovery_is_one_document_per_root(api: Api) -> None:
    """/api and /apis answer with APIGroupDiscoveryList v2 and say so in the content type."""
    core = await api.get("/api", accept=AGGREGATED + ",application/json")
    named = await api.get("/apis", accept=AGGREGATED + ",application/json")

    assert core.headers["Content-Type"] == named.headers["Content-Type"] == AGGREGATED
    assert core.json["kind"] == "APIGroupDiscoveryList"
    assert core.json["apiVersion"] == "apidiscovery.k8s.io/v2"
    pods = _resources(core.json)["", "v1", "pods"]
    assert (pods["scope"], pods["shortNames"], pods["categories"]) == ("Namespaced", ["po"], ["all"])
    deployments = _resources(named.json)["apps", "v1", "deployments"]
    assert deployments["responseKind"]["kind"] == "Deployment"
    assert {each["subresource"] for each in deployments["subresources"]} == {"scale", "status"}
    assert "watch" in deployments["verbs"]


async def test_versions_are_fresh_and_ordered_by_preference(api: Api) -> None:
    """Each version says that it is Current; the preferred one comes first."""
    document = (await api.get("/apis", accept=AGGREGATED)).json
    groups = {group["metadata"]["name"]: group["versions"] for group in document["items"]}

    assert [version["version"] for version in groups["autoscaling"]] == ["v2", "v1"]
    assert {version["freshness"] for versions in groups.values() for version in versions} == {"Current"}


async def test_legacy_discovery_lists_groups_and_resources(api: Api) -> None:
    """A client that asks for plain JSON gets APIVersions, APIGroupList, APIGroup and APIResourceList."""
    assert (await api.get("/api")).json["versions"] == ["v1"]
    groups = (await api.get("/apis")).json
    assert groups["kind"] == "APIGroupList"
    apps = next(group for group in groups["groups"] if group["name"] == "apps")
    assert apps["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    one = (await api.get("/apis/apps")).json
    assert (one["kind"], one["name"], one["versions"]) == ("APIGroup", "apps", apps["versions"])
    listed = (await api.get("/apis/apps/v1")).json
    assert (listed["kind"], listed["groupVersion"]) == ("APIResourceList", "apps/v1")
    names = {resource["name"]: resource for resource in listed["resources"]}
    assert names["deployments"]["namespaced"] is True
    assert names["deployments"]["shortNames"] == ["deploy"]
    assert names["deployments/scale"]["kind"] == "Scale"
    assert names["deployments/status"]["verbs"] == ["get", "patch", "update"]


async def test_what_is_not_served_is_not_found(api: Api) -> None:
    """An unknown resource of a known group is a Status, an unknown group is plain text, both 404."""
    known = await api.get("/apis/apps/v1/gadgets")
    version = await api.get("/apis/apps/v9")
    unknown = await api.get("/apis/gadgets.example/v1/gadgets")

    assert known.failure == (404, "NotFound", "the server could not find the requested resource")
    assert version.failure[0] == 404
    assert (unknown.code, unknown.text) == (404, "404 page not found\n")


async def test_events_are_one_object_in_two_groups(api: Api) -> None:
    """An Event written in events.k8s.io is read in the core group under the same uid, with other field names."""
    event = {
        "metadata": {"name": "both"},
        "eventTime": "2026-01-02T03:04:05.000000Z",
        "regarding": {"kind": "Pod", "name": "web", "namespace": api.namespace},
        "reason": "Tested",
        "note": "a note",
        "type": "Normal",
        "action": "Testing",
        "reportingController": "contract.example/suite",
        "reportingInstance": "suite",
    }
    made = await api.post(api.group("events.k8s.io/v1", "events"), event)
    read = await api.get(api.core("events", "both"))

    assert made.code == 201, made.text
    assert made.json["note"] == read.json["message"] == "a note"
    assert made.json["metadata"]["uid"] == read.json["metadata"]["uid"]
    assert read.json["involvedObject"]["name"] == "web"
    listed = await api.get(api.core("events"), fieldSelector="involvedObject.name=web")
    assert [item["metadata"]["name"] for item in listed.json["items"]] == ["both"]


async def test_only_real_resources_are_claimed(api: Api) -> None:
    """Each built-in resource of simcluster is served by the real server, with the same names, scope and verbs."""
    registry = Registry()
    for core in (True, False):
        real = _resources((await api.get("/api" if core else "/apis", accept=AGGREGATED)).json)
        for key, resource in _resources(aggregated(registry, core=core)).items():
            expected = dict(real[key])
            ours = {each["subresource"] for each in resource.pop("subresources", ())}
            theirs = {each["subresource"] for each in expected.pop("subresources", ())}
            assert ours == theirs & {"log", "scale", "status"}, key
            assert resource == expected, key


async def test_aggregated_discovery_is_revalidated_by_its_tag(api: Api) -> None:
    """304 for the tag that was given, and `Vary: Accept`, because the same path has other forms."""
    async with asyncio.timeout(WAIT_S):
        while True:
            first = await api.get("/apis", accept=AGGREGATED)
            again = await api.request("GET", "/apis", Accept=AGGREGATED, If_None_Match=first.headers["ETag"])
            if again.headers["ETag"] == first.headers["ETag"]:  # another test's definition may have gone in between
                break
    other = await api.request("GET", "/apis", Accept=AGGREGATED, If_None_Match='"other"')

    assert first.headers["Vary"] == "Accept"
    assert (again.code, again.text) == (304, "")
    assert other.code == 200


async def test_the_tag_follows_what_is_served(api: Api) -> None:
    """A new definition changes it."""
    before = await api.get("/apis", accept=AGGREGATED)
    async with gizmos(api):
        after = await api.get("/apis", accept=AGGREGATED)

        assert after.headers["ETag"] != before.headers["ETag"]


async def test_a_form_that_is_not_spoken_gives_way(api: Api) -> None:
    """To plain JSON when that will do, to 406 when it will not."""
    unknown = AGGREGATED.replace("v=v2;", "v=v3;")
    fallback = await api.get("/apis", accept=f"{unknown},application/json")
    refused = await api.get("/apis", accept=unknown)

    assert fallback.json["kind"] == "APIGroupList"
    assert refused.failure[:2] == (406, "NotAcceptable")


async def test_the_version_is_open_to_all(api: Api) -> None:
    """Without credentials too; major and minor are what kubectl reads."""
    version = await api.request("GET", "/version", Authorization="")

    assert version.json["major"] == "1"
    assert version.json["gitVersion"].startswith(f"v1.{version.json['minor']}")
