"""Operation requests: decoded and checked as a whole."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.contracts.operations import (
    MANIFEST_KINDS,
    READS,
    REQUEST_LIMIT_BYTES,
    InvalidRequest,
    Kind,
    OperationRequest,
    PatchType,
    Propagation,
    Target,
    decode_request,
    encode_request,
    identify_manifest,
)

SENTINEL = "hunter2-sentinel"
_names = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=10)
_json = st.dictionaries(_names, st.text(max_size=5) | st.integers() | st.none(), max_size=3)


@st.composite
def requests(draw: st.DrawFn) -> OperationRequest:
    """Requests that can be carried out."""
    kind = draw(st.sampled_from(Kind))
    fields: dict[str, Any] = {}
    if kind in MANIFEST_KINDS:
        named = "Job" if kind is Kind.RUN_JOB else "ConfigMap"
        document = {"apiVersion": "v1", "kind": named, "metadata": {"name": draw(_names)}, "data": draw(_json)}
        fields["manifest"] = msgspec.Raw(msgspec.json.encode(document))
    else:
        target = Target(draw(_names), draw(st.just("") | _names), draw(st.just("") | _names), draw(_names))
        fields["target"] = target
    if kind is Kind.PATCH:
        fields["patch"] = msgspec.Raw(msgspec.json.encode(draw(_json)))
    if kind is Kind.SCALE:
        fields["replicas"] = draw(st.integers(0, 2**31))
    return OperationRequest(
        account=draw(_names),
        kind=kind,
        patch_type=draw(st.sampled_from(PatchType)),
        propagation=draw(st.sampled_from(Propagation)),
        grace_period_seconds=draw(st.none() | st.integers(0, 100)),
        wait=draw(st.none() | st.booleans()),
        uid="" if kind in READS else draw(st.just("") | _names),
        server_side=draw(st.none() | st.booleans()),
        tail_lines=draw(st.none() | st.integers(0, 100)),
        limit=draw(st.integers(0, 1000)),
        force=draw(st.booleans()),
        timeout_seconds=draw(st.floats(0.001, 3600)),
        **fields,
    )


@given(requests())
def test_round_trip(request: OperationRequest) -> None:
    """A request comes back as it went, raw bodies byte for byte."""
    assert decode_request(encode_request(request)) == request


@given(st.binary(max_size=200) | _json.map(lambda value: json.dumps(value).encode()))
def test_garbage_is_invalid_at_worst(data: bytes) -> None:
    """Whatever the bytes are, nothing but InvalidRequest is raised."""
    with contextlib.suppress(InvalidRequest):
        decode_request(data)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"account": "a", "kind": "apply", "manifest": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"account": "a", "kind": "apply", "manifest": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
        b'{"account": "\xff\xfe", "kind": "get"}',
        b"",
    ],
)
def test_hostile_json_is_invalid(data: bytes) -> None:
    """Endless nesting and broken text are refused like any other fault."""
    with pytest.raises(InvalidRequest):
        decode_request(data)


def test_too_large_a_request_is_refused() -> None:
    """The limit is told."""
    with pytest.raises(InvalidRequest, match=str(REQUEST_LIMIT_BYTES)):
        decode_request(b" " * (REQUEST_LIMIT_BYTES + 1))


def test_all_problems_are_told() -> None:
    """A request that is wrong in several ways hears all of them at once."""
    with pytest.raises(InvalidRequest) as patch:
        decode_request(b'{"account": "", "kind": "patch", "target": {"kind": "Pod"}}')
    with pytest.raises(InvalidRequest) as create:
        decode_request(b'{"account": "", "kind": "create", "manifest": {"apiVersion": "", "kind": "", "metadata": {}}}')

    assert patch.value.problems == [
        "`account` is empty",
        "`patch` needs `target.name`",
        "`patch` needs a `patch` body",
    ]
    assert create.value.problems == [
        "`account` is empty",
        "`manifest.apiVersion` and `manifest.kind` must not be empty",
        "`manifest.metadata.name` is missing",
    ]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"kind": "apply"}, "`apply` needs a `manifest`"),
        ({"kind": "replace", "manifest": []}, "`manifest` is no Kubernetes object"),
        ({"kind": "get"}, "`get` needs a `target`"),
        ({"kind": "delete", "target": {"kind": "", "name": "x"}}, "`target.kind` is empty"),
        ({"kind": "scale", "target": {"kind": "Deployment", "name": "x"}}, "`scale` needs `replicas`"),
        ({"kind": "scale", "target": {"kind": "Deployment", "name": "x"}, "replicas": -1}, "replicas"),
        ({"kind": "get", "target": {"kind": "Pod", "name": "x"}, "timeoutSeconds": 0}, "timeoutSeconds"),
        ({"kind": "get", "target": {"kind": "Pod", "name": "x"}, "nmae": 1}, "unknown field"),
        ({"kind": "get", "target": {"kind": "Pod", "name": "x"}, "uid": "u"}, "no preconditions"),
        ({"kind": "logs", "target": {"kind": "Pod", "name": "x"}, "limitBytes": 2**40}, "limitBytes"),
        ({"kind": "logs", "target": {"kind": "Pod"}}, "`logs` needs `target.name`"),
        ({"kind": "undo", "target": {"kind": "Deployment", "name": "x"}, "revision": -1}, "revision"),
        ({"kind": "delete", "target": {"kind": "Pod"}}, "`delete` needs `target.name`"),
        ({"kind": "delete", "target": {"kind": "Pod", "name": "x"}, "labelSelector": "a=b"}, "or `labelSelector`"),
        ({"kind": "delete", "target": {"kind": "Pod"}, "labelSelector": "a", "uid": "u"}, "for one name"),
        ({"kind": "delete", "target": {"kind": "Pod", "name": "x"}, "propagation": "foregroundd"}, "propagation"),
        ({"kind": "runJob", "manifest": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}}, "of a Job"),
    ],
)
def test_each_fault_names_its_field(fields: dict[str, Any], problem: str) -> None:
    """What is wrong is told with the field's name."""
    with pytest.raises(InvalidRequest, match=problem):
        decode_request(json.dumps({"account": "prod", **fields}).encode())


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": SENTINEL},
        {"kind": "apply", "manifest": SENTINEL},
        {"kind": "apply", "manifest": {"apiVersion": "v1", "kind": "Secret", "metadata": SENTINEL}},
        {"kind": "apply", "manifest": {"apiVersion": [SENTINEL], "kind": "Secret", "stringData": {"a": SENTINEL}}},
        {"kind": "patch", "patchType": f"{SENTINEL} - at `$.x`", "target": {"kind": "Pod", "name": "x"}},
        {"kind": "scale", "target": {"kind": "Deployment", "name": "x"}, "replicas": SENTINEL},
        {"kind": "get", "target": SENTINEL},
    ],
)
def test_content_is_never_repeated(fields: dict[str, Any]) -> None:
    """No fault repeats a value, neither in the text nor through a cause."""
    with pytest.raises(InvalidRequest) as caught:
        decode_request(json.dumps({"account": "prod", **fields}).encode())

    assert SENTINEL not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_list_needs_no_name_and_a_creation_may_generate_one() -> None:
    """The exceptions from "needs a name"."""
    generated = b'{"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "job-"}}'
    decode_request(b'{"account": "prod", "kind": "list", "target": {"kind": "Pod"}}')
    decode_request(b'{"account": "prod", "kind": "create", "manifest": ' + generated + b"}")
    with pytest.raises(InvalidRequest, match=r"metadata\.name"):
        decode_request(b'{"account": "prod", "kind": "apply", "manifest": ' + generated + b"}")


def test_manifests_are_identified_and_left_alone() -> None:
    """Identity is read; whatever else is in a manifest does not matter."""
    identity = identify_manifest(
        b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","labels":{"x":"y"}},"spec":7}'
    )

    assert (identity.apiVersion, identity.kind, identity.metadata.name) == ("v1", "Pod", "a")
    with pytest.raises(InvalidRequest, match="no JSON"):
        identify_manifest(b"kind: Pod")


@pytest.mark.parametrize("spelling", ["Orphan", "orphan"])
def test_propagation_is_taken_in_lower_case(spelling: str) -> None:
    """As kubectl and Spinnaker spell it."""
    target = {"kind": "Pod", "name": "x"}
    request = {"account": "prod", "kind": "delete", "target": target, "propagation": spelling}

    assert decode_request(json.dumps(request).encode()).propagation is Propagation.ORPHAN


def test_collections_need_no_name() -> None:
    """Metrics of all pods, and a deletion by labels."""
    decode_request(b'{"account": "prod", "kind": "podMetrics", "target": {"kind": "Pod"}}')
    decode_request(b'{"account": "prod", "kind": "delete", "target": {"kind": "Pod"}, "labelSelector": "a=b"}')
