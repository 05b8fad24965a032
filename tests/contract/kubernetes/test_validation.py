"""What becomes of fields that nobody knows, of wrong types, and of custom resources that break their schema."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.contract.kubernetes.client import APPLY, JSON_PATCH, MERGE, STRATEGIC, Api, config_map, deployment
from tests.contract.kubernetes.gizmos import gizmo, gizmos

YAML = "application/yaml"
UNKNOWN = [
    'unknown field "metadata.foo"',
    'unknown field "spec.template.spec.containers[0].imagee"',
    'unknown field "spec.bar"',
]


def _mistyped(name: str) -> dict[str, Any]:
    manifest = deployment(name, 0)
    manifest["metadata"]["foo"] = 1
    manifest["spec"]["bar"] = {"x": 1}
    manifest["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
    return manifest


def _warnings(answer: Any) -> list[str]:
    headers = ", ".join(answer.headers.getall("Warning", []))
    return [text.replace('\\"', '"') for text in re.findall(r'299 - "((?:[^"\\]|\\.)*)"', headers)]


@pytest.mark.parametrize("asked", ["", "Warn"])
async def test_unknown_fields_are_dropped_and_warned_of(api: Api, asked: str) -> None:
    """Each by its path."""
    made = await api.post(api.group("apps/v1", "deployments"), _mistyped("web"), fieldValidation=asked)

    assert made.code == 201
    assert _warnings(made) == UNKNOWN
    assert "bar" not in made.json["spec"]
    assert "imagee" not in made.json["spec"]["template"]["spec"]["containers"][0]


async def test_unknown_fields_are_refused_or_ignored_on_demand(api: Api) -> None:
    """Strict: 400 with all of them; Ignore: not a word; anything else: 422."""
    path = api.group("apps/v1", "deployments")
    strict = await api.post(path, _mistyped("web"), fieldValidation="Strict")
    silent = await api.post(path, _mistyped("web"), fieldValidation="Ignore")
    nonsense = await api.post(path, _mistyped("other"), fieldValidation="Perhaps")

    why = 'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: '
    assert strict.failure == (400, "BadRequest", why + ", ".join(UNKNOWN))
    assert (silent.code, _warnings(silent)) == (201, [])
    assert nonsense.failure[:2] == (422, "Invalid")
    assert 'fieldValidation: Unsupported value: "Perhaps"' in nonsense.failure[2]


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        (MERGE, {"spec": {"nope": 1}}),
        (STRATEGIC, {"spec": {"nope": 1}}),
        (JSON_PATCH, [{"op": "add", "path": "/spec/nope", "value": 1}]),
    ],
)
async def test_patches_are_held_against_the_schema(api: Api, content_type: str, patch: Any) -> None:
    """A strict one is invalid, any other is warned of."""
    assert (await api.post(api.group("apps/v1", "deployments"), deployment("web", 0))).code == 201
    path = api.group("apps/v1", "deployments", "web")
    strict = await api.patch(path, patch, content_type, fieldValidation="Strict")
    warned = await api.patch(path, patch, content_type)

    assert strict.failure[:2] == (422, "Invalid")
    assert strict.failure[2].endswith('strict decoding error: unknown field "spec.nope"')
    assert [each["field"] for each in strict.json["details"]["causes"]] == ["patch"]
    assert (warned.code, _warnings(warned)) == (200, ['unknown field "spec.nope"'])


async def test_apply_takes_no_unknown_field_at_all(api: Api) -> None:
    """Whatever fieldValidation says: 500, as the typed patch cannot be made."""
    manifest = {**deployment("web", 0)}
    manifest["spec"] = {**manifest["spec"], "nope": 1}
    path = api.group("apps/v1", "deployments", "web")
    answer = await api.patch(path, manifest, APPLY, fieldManager="suite", fieldValidation="Ignore")

    assert answer.code == 500
    assert answer.json["message"].endswith(".spec.nope: field not declared in schema")


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        (
            "replicas",
            "three",
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        ("paused", 1, "json: cannot unmarshal number into Go struct field DeploymentSpec.spec.paused of type bool"),
        (
            "strategy",
            [],
            "json: cannot unmarshal array into Go struct field DeploymentSpec.spec.strategy of type v1.DeploymentStrategy",
        ),
        (
            "selector",
            {"matchLabels": []},
            "json: cannot unmarshal array into Go struct field LabelSelector.spec.selector.matchLabels of type map[string]string",
        ),
        (
            "template",
            {"spec": {"containers": {}}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
    ],
)
async def test_wrong_types_are_not_decoded(api: Api, field: str, value: Any, why: str) -> None:
    """400 in the words of Go's decoder."""
    manifest = deployment("web", 0)
    manifest["spec"][field] = value
    answer = await api.post(api.group("apps/v1", "deployments"), manifest)

    whole = f'Deployment in version "v1" cannot be handled as a Deployment: {why}'
    assert answer.failure == (400, "BadRequest", whole)


async def test_yaml_is_as_good_as_json(api: Api) -> None:
    """In creates, updates and applies; `b: 3` is a number there too."""
    text = b"metadata:\n  name: one\nkind: ConfigMap\napiVersion: v1\ndata:\n  a: '1'\n"
    path = api.core("configmaps", "one")
    made = await api.request("POST", api.core("configmaps"), text, Content_Type=YAML)
    put = await api.request("PUT", path, text.replace(b"'1'", b"'2'"), Content_Type=YAML)
    query = {"fieldManager": "suite", "force": "true"}
    applied = await api.request("PATCH", path, text.replace(b"'1'", b"'3'"), params=query, Content_Type=APPLY)
    number = await api.request("POST", api.core("configmaps"), text.replace(b"'1'", b"1"), Content_Type=YAML)

    assert [each.code for each in (made, put, applied)] == [201, 200, 200]
    assert [each.json["data"]["a"] for each in (made, put, applied)] == ["1", "2", "3"]
    assert number.failure[:2] == (400, "BadRequest")
    assert "cannot unmarshal number into Go struct field ConfigMap.data of type string" in number.failure[2]


async def test_custom_resources_are_pruned_and_completed(api: Api) -> None:
    """Unknown fields go, defaults come, an open field keeps what it has."""
    spec = {"size": 1, "extra": 1, "bag": {"z": {"y": 1}}}
    async with gizmos(api) as group:
        path = api.group(f"{group}/v1", "gizmos")
        made = await api.post(path, gizmo(group, "one", spec=spec, more=1))
        strict = await api.post(path, gizmo(group, "two", spec=spec, more=1), fieldValidation="Strict")

    assert made.json["spec"] == {"size": 1, "bag": {"z": {"y": 1}}, "color": "red"}
    assert "more" not in made.json
    assert sorted(_warnings(made)) == ['unknown field "more"', 'unknown field "spec.extra"']
    assert strict.failure[:2] == (400, "BadRequest")


@pytest.mark.parametrize(
    ("parts", "fields"),
    [
        ({}, ["spec"]),
        ({"spec": {}}, ["spec.size"]),
        ({"spec": {"size": 0, "color": "green"}}, ["spec.size", "spec.color"]),
        ({"spec": {"size": 1, "tags": [1, "a"]}}, ["spec.tags[0]"]),
    ],
)
async def test_custom_resources_that_break_their_schema_are_invalid(
    api: Api, parts: dict[str, Any], fields: list[str]
) -> None:
    """422 that names each field at fault, in the server's words."""
    async with gizmos(api) as group:
        answer = await api.post(api.group(f"{group}/v1", "gizmos"), gizmo(group, "one", **parts))

    assert answer.failure[:2] == (422, "Invalid")
    causes = answer.json["details"]["causes"]
    assert sorted(each["field"] for each in causes) == sorted(fields)
    assert {each["message"] for each in causes} <= {
        "Required value",
        "Invalid value: 0: spec.size in body should be greater than or equal to 1",
        'Unsupported value: "green": supported values: "red", "blue"',
        'Invalid value: "integer": spec.tags[0] in body must be of type string: "integer"',
    }


async def test_custom_resources_scale_where_their_definition_says(api: Api) -> None:
    """GET, PUT and PATCH of the Scale; the selector comes from the status."""
    async with gizmos(api) as group:
        path = api.group(f"{group}/v1", "gizmos", "one")
        await api.post(api.group(f"{group}/v1", "gizmos"), gizmo(group, "one", spec={"size": 1}))
        patched = await api.patch(f"{path}/scale", {"spec": {"replicas": 4}})
        await api.patch(f"{path}/status", {"status": {"size": 7, "selector": "a=b"}})
        put = await api.put(f"{path}/scale", {"metadata": {"name": "one"}, "spec": {"replicas": 5}})
        scale, obj = (await api.get(f"{path}/scale")).json, (await api.get(path)).json

    assert patched.json["spec"] == {"replicas": 4}
    assert (put.code, obj["spec"]["size"]) == (200, 5)
    assert scale["status"] == {"replicas": 7, "selector": "a=b"}


async def test_a_dry_run_is_validated_and_changes_nothing(api: Api) -> None:
    """Create, patch, apply and delete."""
    await api.config_map("one", a="1")
    path = api.core("configmaps", "one")
    made = await api.post(api.core("configmaps"), config_map("two"), dryRun="All")
    patched = await api.patch(path, {"data": {"a": "2"}}, dryRun="All")
    applied = await api.patch(path, config_map("one", a="3"), APPLY, fieldManager="x", force="true", dryRun="All")
    gone = await api.delete(path, dryRun="All")

    assert [each.code for each in (made, patched, applied, gone)] == [201, 200, 200, 200]
    assert (patched.json["data"], applied.json["data"]) == ({"a": "2"}, {"a": "3"})
    assert (await api.get(path)).json["data"] == {"a": "1"}
    assert (await api.get(api.core("configmaps", "two"))).code == 404
