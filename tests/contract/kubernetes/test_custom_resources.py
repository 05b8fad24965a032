"""CustomResourceDefinitions and their objects."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tests.contract.kubernetes.client import STRATEGIC, Api

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
OPEN_SCHEMA = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}


def _definition(group: str) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}, "schema": OPEN_SCHEMA}
            ],
        },
    }


def _widget(group: str, name: str) -> dict[str, Any]:
    return {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 1}}


@asynccontextmanager
async def _widgets(api: Api) -> AsyncIterator[str]:
    """A definition of its own group, established and served; the group's name."""
    group = f"contract{secrets.token_hex(4)}.example"
    answer = await api.post(DEFINITIONS, _definition(group))
    assert answer.code == 201, answer.text
    try:
        await api.eventually(f"{DEFINITIONS}/widgets.{group}", _established)
        await api.eventually(api.group(f"{group}/v1", "widgets"), lambda _: True)
        await api.eventually("/apis", lambda found: any(each["name"] == group for each in found["groups"]))
        yield group
    finally:
        await api.delete(f"{DEFINITIONS}/widgets.{group}")


def _established(definition: dict[str, Any]) -> bool:
    conditions = {each["type"]: each["status"] for each in definition["status"].get("conditions") or ()}
    return conditions.get("Established") == "True"


async def test_a_definition_is_established_and_discovered(api: Api) -> None:
    """Accepted names in status; the kind appears in aggregated and legacy discovery."""
    async with _widgets(api) as group:
        definition = (await api.get(f"{DEFINITIONS}/widgets.{group}")).json
        listed = (await api.get(f"/apis/{group}/v1")).json
        aggregated = (await api.get("/apis", accept=AGGREGATED)).json

    assert definition["status"]["acceptedNames"]["listKind"] == "WidgetList"
    assert definition["status"]["storedVersions"] == ["v1"]
    assert {each["name"] for each in listed["resources"]} == {"widgets", "widgets/status"}
    [ours] = [each for each in aggregated["items"] if each["metadata"]["name"] == group]
    [resource] = ours["versions"][0]["resources"]
    assert resource["responseKind"] == {"group": group, "version": "v1", "kind": "Widget"}
    assert (resource["singularResource"], resource["scope"]) == ("widget", "Namespaced")


async def test_custom_objects_go_out_with_their_type(api: Api) -> None:
    """Unlike built-in kinds, items of lists carry apiVersion and kind, and `items` stands before `metadata`."""
    async with _widgets(api) as group:
        path = api.group(f"{group}/v1", "widgets")
        made = await api.post(path, _widget(group, "one"))
        listed = await api.get(path)

    assert made.code == 201
    assert made.json["metadata"]["generation"] == 1
    assert list(listed.json) == ["apiVersion", "items", "kind", "metadata"]
    assert listed.json["kind"] == "WidgetList"
    [item] = listed.json["items"]
    assert (item["apiVersion"], item["kind"]) == (f"{group}/v1", "Widget")
    assert list(item)[:3] == ["apiVersion", "kind", "metadata"]


async def test_custom_writes_have_rules_of_their_own(api: Api) -> None:
    """A PUT must state its version, a strategic patch is not spoken, a body must name its type."""
    async with _widgets(api) as group:
        path = api.group(f"{group}/v1", "widgets")
        await api.post(path, _widget(group, "one"))
        put = await api.put(f"{path}/one", _widget(group, "one"))
        strategic = await api.patch(f"{path}/one", {"spec": {"size": 2}}, STRATEGIC)
        untyped = await api.post(path, {"metadata": {"name": "two"}})
        merged = await api.patch(f"{path}/one", {"spec": {"size": 2}})

    assert put.failure[:2] == (422, "Invalid")
    assert "metadata.resourceVersion: Invalid value: 0: must be specified for an update" in put.failure[2]
    assert strategic.failure[:2] == (415, "UnsupportedMediaType")
    assert untyped.failure[:2] == (400, "BadRequest")
    assert merged.json["metadata"]["generation"] == 2


async def test_status_is_apart_where_it_is_a_subresource(api: Api) -> None:
    """The main resource ignores status and the status subresource ignores spec."""
    async with _widgets(api) as group:
        path = api.group(f"{group}/v1", "widgets")
        await api.post(path, _widget(group, "one"))
        status = await api.patch(f"{path}/one/status", {"status": {"seen": 1}, "spec": {"size": 9}})
        main = await api.patch(f"{path}/one", {"status": {"seen": 2}, "spec": {"size": 3}})

    assert (status.json["status"], status.json["spec"]) == ({"seen": 1}, {"size": 1})
    assert (main.json["status"], main.json["spec"]) == ({"seen": 1}, {"size": 3})
    assert [each.json["metadata"]["generation"] for each in (status, main)] == [1, 2]


async def test_watch_list_works_for_custom_kinds(api: Api) -> None:
    """Initial events and the bookmark, in the custom kind's own form."""
    params = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with _widgets(api) as group:
        path = api.group(f"{group}/v1", "widgets")
        await api.post(path, _widget(group, "one"))
        async with api.watch(path, **params) as watch:
            added, bookmark = await watch.next(), await watch.next()

    assert added is not None
    assert bookmark is not None
    assert (added["type"], added["object"]["kind"]) == ("ADDED", "Widget")
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert bookmark["object"]["apiVersion"] == f"{group}/v1"


async def test_a_removed_definition_takes_everything(api: Api) -> None:
    """Objects are deleted and told, the watch ends, the paths and the group vanish."""
    async with _widgets(api) as group:
        path = api.group(f"{group}/v1", "widgets")
        await api.post(path, _widget(group, "one"))
        async with api.watch(f"/apis/{group}/v1/widgets") as watch:
            assert await watch.take(1) == [("ADDED", "one")]
            await api.delete(f"{DEFINITIONS}/widgets.{group}")
            events = await watch.rest()
        await api.eventually_gone(path)
        await api.eventually_gone(f"{DEFINITIONS}/widgets.{group}")
        await api.eventually("/apis", lambda found: all(each["name"] != group for each in found["groups"]))

    assert [event["type"] for event in events if event["type"] != "BOOKMARK"] == ["DELETED"]
