"""Objects against schemas."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.simcluster.openapi.schemas import built_in
from fairlead.simcluster.validation import decoding_error, faults, fill_defaults, prune

DEPLOYMENT = built_in()["io.k8s.api.apps.v1.Deployment"]
THING: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 5},
                "name": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^a", "default": "ab"},
                "port": {"x-kubernetes-int-or-string": True},
                "ratio": {"type": "number"},
                "list": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string"}},
                "none": {"type": "string", "nullable": True},
                "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "map": {
                    "type": "object",
                    "additionalProperties": {"type": "object", "properties": {"a": {"default": 1}}},
                },
            },
        }
    },
}


def test_what_no_schema_knows_is_taken_out() -> None:
    """In lists and maps too; labels and open objects keep what they have."""
    obj = {
        "kind": "Deployment",
        "metadata": {"labels": {"any": "x"}, "odd": 1},
        "spec": {
            "template": {"spec": {"containers": [{"name": "a", "odd": 1}], "affinity": {"any": {"thing": 1}}}},
            "odd": {"x": 1},
        },
    }

    assert prune(DEPLOYMENT, obj) == ["metadata.odd", "spec.template.spec.containers[0].odd", "spec.odd"]
    assert obj == {
        "kind": "Deployment",
        "metadata": {"labels": {"any": "x"}},
        "spec": {"template": {"spec": {"containers": [{"name": "a"}], "affinity": {"any": {"thing": 1}}}}},
    }


def test_defaults_fill_gaps_and_nulls() -> None:
    """Where there is an object to hold them."""
    obj: dict[str, Any] = {"spec": {"name": None, "map": {"x": {}}}}
    fill_defaults(THING, obj)
    empty: dict[str, Any] = {}
    fill_defaults(THING, empty)

    assert obj == {"spec": {"name": "ab", "map": {"x": {"a": 1}}}}
    assert empty == {}


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        ({"size": 0}, "spec.size", "FieldValueInvalid"),
        ({"size": 6}, "spec.size", "FieldValueInvalid"),
        ({"size": "1"}, "spec.size", "FieldValueTypeInvalid"),
        ({"size": True}, "spec.size", "FieldValueTypeInvalid"),
        ({"name": "a"}, "spec.name", "FieldValueInvalid"),
        ({"name": "abcde"}, "spec.name", "FieldValueInvalid"),
        ({"name": "bb"}, "spec.name", "FieldValueInvalid"),
        ({"name": None}, "spec.name", "FieldValueTypeInvalid"),
        ({"port": {}}, "spec.port", "FieldValueTypeInvalid"),
        ({"list": []}, "spec.list", "FieldValueInvalid"),
        ({"list": ["a", "b", "c"]}, "spec.list", "FieldValueInvalid"),
        ({"list": ["a", 1]}, "spec.list[1]", "FieldValueTypeInvalid"),
    ],
)
def test_each_rule_is_told(spec: dict[str, Any], field: str, reason: str) -> None:
    """With field and reason."""
    assert [(each["field"], each["reason"]) for each in faults(THING, {"spec": spec})] == [(field, reason)]


def test_a_rule_that_cannot_be_applied_is_passed_over() -> None:
    """A length of a number, a pattern that Python does not read."""
    assert faults({"minLength": 3}, 1, "x") == []
    assert faults({"type": "string", "pattern": r"\p{Greek}"}, "a", "x") == []


def test_what_is_right_has_no_fault() -> None:
    """Nullable, int or string, integers for numbers."""
    spec = {"size": 1, "name": "ab", "port": "http", "ratio": 1, "none": None, "open": {"x": 1}, "map": {"x": {}}}

    assert faults(THING, {"spec": spec}) == []
    assert [each["field"] for each in faults(THING, {})] == ["spec"]


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        ({"spec": {"replicas": 1, "paused": True}}, ""),
        ({"spec": None}, ""),
        ({"spec": {"strategy": {"rollingUpdate": {"maxSurge": "25%"}}}}, ""),
        ({"spec": []}, "cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec"),
        (
            {"spec": {"replicas": True}},
            "cannot unmarshal bool into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            {"metadata": {"labels": {"a": 1}}},
            "cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            {"spec": {"template": {"spec": {"containers": [{"name": 3}]}}}},
            "cannot unmarshal number into Go struct field Container.spec.template.spec.containers.name of type string",
        ),
    ],
)
def test_wrong_types_are_named_as_go_does(obj: dict[str, Any], why: str) -> None:
    """The innermost struct, and a path without indices."""
    assert decoding_error(DEPLOYMENT, obj, "Deployment").removeprefix("json: ") == why
