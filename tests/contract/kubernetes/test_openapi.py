"""OpenAPI documents: how they are found, kept and revalidated, and that they tell the truth."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.contract.kubernetes.client import WAIT_S, Answer, Api
from tests.contract.kubernetes.gizmos import gizmos
from tests.support.gnostic import decode_document

from fairlead.simcluster.openapi.schemas import KINDS, OPEN, built_in, resolved

PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
DEPLOYMENT = {"group": "apps", "version": "v1", "kind": "Deployment"}
PATCHING = ("x-kubernetes-patch-merge-key", "x-kubernetes-patch-strategy", "x-kubernetes-list-map-keys")


async def _address(api: Api, path: str) -> str:
    index = (await api.get("/openapi/v3")).json
    address: str = index["paths"][path]["serverRelativeURL"]
    return address


async def test_the_index_leads_to_documents_that_never_change(api: Api) -> None:
    """The address holds a hash; with it the document may be kept for ever, without it it must be asked for again."""
    address = await _address(api, "apis/apps/v1")
    path, _, asked = address.partition("?hash=")
    hashed, bare = await api.get(path, hash=asked), await api.get(path)

    assert path == "/openapi/v3/apis/apps/v1"
    assert hashed.headers["Cache-Control"] == "public, immutable"
    assert bare.headers["Cache-Control"] == "no-cache, private"
    assert hashed.headers["ETag"] == bare.headers["ETag"] == f'"{asked}"'
    assert "Expires" in hashed.headers
    assert hashed.json == bare.json


async def test_documents_are_revalidated_and_moved(api: Api) -> None:
    """304 for the tag, 301 to the present address for another hash, 404 for a group version that is not served."""
    path, _, asked = (await _address(api, "apis/apps/v1")).partition("?hash=")
    kept = await api.request("GET", path, If_None_Match=f'"{asked}"')
    moved = await api.request("GET", path, params={"hash": "OLD"}, redirects=False)
    unknown = await api.get("/openapi/v3/apis/nothing.example/v1")
    foreign = await api.get(path, accept="text/html")

    assert (kept.code, kept.text) == (304, "")
    assert (moved.code, moved.headers["Location"]) == (301, f"{path}?hash={asked}")
    assert (unknown.code, foreign.code) == (404, 406)


async def test_v3_tells_kinds_and_how_they_may_be_written(api: Api) -> None:
    """For kubectl looks the kind up by its group, version and kind, and asks whether PATCH knows `fieldValidation`."""
    document = (await api.get("/openapi/v3/apis/apps/v1")).json
    schemas = document["components"]["schemas"].values()
    [schema] = [each for each in schemas if DEPLOYMENT in each.get(KINDS, ())]
    patch = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]

    assert {"apiVersion", "kind", "metadata", "spec", "status"} == set(schema["properties"])
    assert patch[KINDS] == DEPLOYMENT
    assert {"dryRun", "fieldManager", "fieldValidation", "force"} <= {each["name"] for each in patch["parameters"]}
    assert {each["in"] for each in patch["parameters"]} == {"query"}


async def _v2(api: Api) -> tuple[Answer, Answer]:
    """The same state of /openapi/v2 in JSON and protobuf, as its tag tells: definitions of other tests leave it late."""
    async with asyncio.timeout(WAIT_S):
        while True:
            text, binary = await api.get("/openapi/v2"), await api.get("/openapi/v2", accept=PROTOBUF)
            kept = await api.request("GET", "/openapi/v2", If_None_Match=text.headers["ETag"])
            if kept.code == 304:
                return text, binary


async def test_v2_tells_the_same_in_json_and_protobuf(api: Api) -> None:
    """One document of all kinds; kubectl up to 1.27 takes nothing but the protobuf form."""
    text, binary = await _v2(api)
    document = decode_document(binary.body)
    name = "io.k8s.api.apps.v1.Deployment"

    assert binary.headers["Content-Type"].replace("@", ".") == PROTOBUF.replace("@", ".")
    assert name in text.json["definitions"]
    assert text.json["definitions"][name][KINDS] == [DEPLOYMENT]
    assert set(document.definitions) == set(text.json["definitions"])
    containers = document.definitions["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["items"]["$ref"] == "#/definitions/io.k8s.api.core.v1.Container"
    patch = document.paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch[KINDS] == DEPLOYMENT


async def test_custom_resources_bring_their_schema(api: Api) -> None:
    """Under a name that begins with their group turned round."""
    async with gizmos(api) as group:
        path = f"/openapi/v3/apis/{group}/v1"
        document = await api.eventually(path, lambda found: found["components"]["schemas"])
        name = ".".join([*reversed(group.split(".")), "v1", "Gizmo"])
        await api.eventually("/openapi/v2", lambda found: name in found["definitions"])

    schema = document["components"]["schemas"][name]
    assert schema[KINDS] == [{"group": group, "version": "v1", "kind": "Gizmo"}]
    assert schema["properties"]["spec"]["properties"]["size"] == {"type": "integer", "minimum": 1}


@pytest.mark.parametrize("field", ["properties", "required"])
async def test_each_type_has_the_fields_of_the_real_one(api: Api, field: str) -> None:
    """No more, or simcluster would let errors pass; no fewer, or it would refuse what is right."""
    real = (await api.get("/openapi/v2")).json["definitions"]
    for name, schema in built_in().items():
        ours, theirs = schema.get(field, []), real[name].get(field, [])
        missing = set(theirs) ^ set(ours)
        if name == "io.k8s.api.core.v1.Event":
            missing -= {"metadata"}
        assert not missing, name


async def test_each_field_merges_as_the_real_one(api: Api) -> None:
    """The same references, keys and strategies, except where simcluster looks no further."""
    real = (await api.get("/openapi/v2")).json["definitions"]
    for name, schema in built_in().items():
        for field, ours in schema["properties"].items():
            theirs = real[name]["properties"][field]
            if theirs.get("x-kubernetes-patch-strategy") == "replace":
                continue  # a selector that is replaced whole, which no client of ours patches
            assert {key: ours.get(key) for key in PATCHING} == {key: theirs.get(key) for key in PATCHING}, (name, field)
            assert _type(ours) in (_type(_behind(real, theirs)), _type(theirs)), (name, field)


def _behind(real: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = real[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def _type(schema: dict[str, Any]) -> str:
    """What the values are, as far as both dialects can tell."""
    if "$ref" in schema or "allOf" in schema:
        return _type(resolved(schema)) if schema.get("$ref", "#/c").startswith("#/c") else "object"
    if schema.get("type") == "array":
        return f"array of {schema['items'].get('type', 'object')}"
    if "oneOf" in schema:
        return "string"
    return "" if schema.get(OPEN) and "type" not in schema else schema.get("type", "object")
