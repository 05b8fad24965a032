"""Tables: what `kubectl get` shows."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.kubernetes.client import Api, deployment
from tests.contract.kubernetes.gizmos import DEFINITIONS, gizmo, gizmos

from fairlead.simcluster.resources import Registry
from fairlead.simcluster.tables import COLUMNS, columns_of

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
ASKED = f"{TABLE},application/json"


def _rows(table: dict[str, Any]) -> list[dict[str, Any]]:
    names = [column["name"] for column in table["columnDefinitions"]]
    return [dict(zip(names, row["cells"], strict=True)) for row in table["rows"]]


@pytest.mark.parametrize("key", sorted(COLUMNS))
async def test_columns_are_those_of_the_real_server(api: Api, key: str) -> None:
    """Names, types, formats and priorities (nodes have a few more there)."""
    resource = Registry().by_key(key)
    assert resource is not None
    root = "/apis" if resource.group else "/api"
    table = (await api.get(f"{root}/{resource.api_version}/{resource.plural}", accept=ASKED, limit=1)).json

    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    theirs = [{**column, "description": ""} for column in table["columnDefinitions"]]
    ours = [column.definition() for column in columns_of(resource)]
    assert ours == theirs[: len(ours)]


async def test_a_list_is_one_table_and_pages_like_a_list(api: Api) -> None:
    """Rows carry metadata by default; version and continue token are the table's."""
    for name in ("a", "b"):
        await api.config_map(name, x="1", y="2")
    first = (
        await api.get(api.core("configmaps"), accept=ASKED, fieldSelector="metadata.name!=kube-root-ca.crt", limit=1)
    ).json
    token = first["metadata"]["continue"]
    second = (await api.get(api.core("configmaps"), accept=ASKED, limit=5, **{"continue": token})).json

    assert [row["Name"] for row in _rows(first)] == ["a"]
    assert _rows(first)[0]["Data"] == 2
    assert first["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert first["rows"][0]["object"]["metadata"]["name"] == "a"
    assert _rows(second)[0]["Name"] == "b"


@pytest.mark.parametrize(
    ("include", "kind"), [("Object", "ConfigMap"), ("Metadata", "PartialObjectMetadata"), ("None", "")]
)
async def test_a_row_carries_what_is_asked_for(api: Api, include: str, kind: str) -> None:
    """`includeObject`."""
    await api.config_map("one")
    table = (await api.get(api.core("configmaps", "one"), accept=ASKED, includeObject=include)).json

    [row] = table["rows"]
    assert (row.get("object") or {}).get("kind", "") == kind


async def test_workloads_show_what_is_wanted(api: Api) -> None:
    """Before anything runs."""
    await api.post(api.group("apps/v1", "deployments"), deployment("web", 0))
    [row] = _rows((await api.get(api.group("apps/v1", "deployments", "web"), accept=ASKED)).json)

    assert row | {"Age": ""} == {
        "Name": "web",
        "Ready": "0/0",
        "Up-to-date": 0,
        "Available": 0,
        "Age": "",
        "Containers": "web",
        "Images": "example/web:1",
        "Selector": "app=web",
    }
    assert row["Age"].endswith("s")


async def test_services_show_their_ports(api: Api) -> None:
    """And where they are."""
    ports = [{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}]
    made = await api.post(api.core("services"), {"metadata": {"name": "web"}, "spec": {"ports": ports}})
    [row] = _rows((await api.get(api.core("services", "web"), accept=ASKED)).json)

    assert (row["Type"], row["Cluster-IP"], row["Port(s)"]) == (
        "ClusterIP",
        made.json["spec"]["clusterIP"],
        "80/TCP,53/UDP",
    )
    assert (row["External-IP"], row["Selector"]) == ("<none>", "<none>")


async def test_custom_resources_show_the_columns_of_their_definition(api: Api) -> None:
    """By JSON path, with their types and priorities."""
    async with gizmos(api) as group:
        path = api.group(f"{group}/v1", "gizmos")
        await api.post(path, gizmo(group, "one", spec={"size": 3}))
        table = (await api.get(path, accept=ASKED)).json
        [shown] = _rows((await api.get(f"{DEFINITIONS}/gizmos.{group}", accept=ASKED)).json)

    [row] = _rows(table)
    assert (row["Name"], row["Size"], row["Color"]) == ("one", 3, "red")
    assert row["Born"].endswith("s")
    assert [each["priority"] for each in table["columnDefinitions"]] == [0, 0, 1, 0]
    assert (shown["Scope"], shown["Versions"], shown["Kind"]) == ("Namespaced", "v1(storage)", "Gizmo")


async def test_watches_send_tables_too(api: Api) -> None:
    """One row an event."""
    async with api.watch(api.core("configmaps"), accept=TABLE, resourceVersion=await api.version()) as watch:
        await api.config_map("one", a="1")
        events = [await watch.next()]
        while events[-1] and events[-1]["object"]["rows"][0]["cells"][0] != "one":
            events.append(await watch.next())

    event = events[-1]
    assert event is not None
    assert (event["type"], event["object"]["kind"]) == ("ADDED", "Table")
    assert event["object"]["rows"][0]["cells"][1] == 1
