"""Objects are identified and stripped as bytes, exactly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.contracts.identity import Resource
from fairlead.kube.errors import ProtocolError
from fairlead.kube.objects import Identity, prepare, strip_managed_fields

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
META = {
    "name": "web",
    "namespace": "shop",
    "uid": "u-1",
    "resourceVersion": "42",
    "creationTimestamp": "2026-01-01T00:00:00Z",
}

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
keys = st.text(max_size=8) | st.sampled_from(["managedFields", "metadata", "kind", "apiVersion", "spec"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
metas = st.dictionaries(keys, values, max_size=4).map(lambda extra: extra | META)
objects = st.builds(lambda rest, meta: rest | {"metadata": meta}, st.dictionaries(keys, values, max_size=4), metas)
layouts = st.sampled_from([{"separators": (",", ":")}, {"indent": 1}, {"ensure_ascii": False}])


def as_bytes(value: object, **layout: Any) -> bytes:
    """Write JSON as some server might."""
    return json.dumps(value, **layout).encode()


@given(value=objects, layout=layouts)
def test_stripping_removes_managed_fields_and_nothing_else(value: dict[str, Any], layout: dict[str, Any]) -> None:
    """Equal-looking fields elsewhere stay; without anything to cut, the very same bytes come back."""
    raw = as_bytes(value, **layout)
    expected = json.loads(raw)
    had = "managedFields" in expected["metadata"]
    expected["metadata"].pop("managedFields", None)

    stripped = strip_managed_fields(raw)

    assert json.loads(stripped) == expected
    assert had or stripped is raw
    assert strip_managed_fields(stripped) is stripped


@given(value=objects, layout=layouts)
def test_preparing_is_identifying_stripping_and_naming(value: dict[str, Any], layout: dict[str, Any]) -> None:
    """``apiVersion`` and ``kind`` are the resource's afterwards, whatever stood there; nothing else changes."""
    raw = as_bytes(value, **layout)

    plain, typed = prepare(raw), prepare(raw, DEPLOYMENTS)

    assert plain.identity == typed.identity
    assert plain.body == strip_managed_fields(raw)
    assert json.loads(typed.body) == json.loads(plain.body) | {"apiVersion": "apps/v1", "kind": "Deployment"}
    assert prepare(typed.body, DEPLOYMENTS).body is typed.body


def test_values_keep_their_very_bytes() -> None:
    """Numbers, escapes and order inside values are passed on as the server wrote them."""
    spec = rb'{"b":1.0,"a":100000000000000000000000001,"e":1E+2,"s":"\u003c\/","b":2}'
    raw = b'{"metadata":{"name":"x","resourceVersion":"1","managedFields":[{"a":1}]},"spec":' + spec + b"}"

    assert strip_managed_fields(raw) == b'{"metadata":{"name":"x","resourceVersion":"1"},"spec":' + spec + b"}"


def test_an_identity_holds_what_routing_needs() -> None:
    """An absent namespace is empty; the version is a number."""
    assert prepare(as_bytes({"metadata": META})).identity == Identity("web", "shop", "u-1", 42)
    bare = prepare(as_bytes({"metadata": {"name": "n", "resourceVersion": "7"}}))
    assert bare.identity == Identity("n", "", "", 7)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"sesame",
        b"[1]",
        b"null",
        b"{}",
        b'{"metadata":null}',
        b'{"metadata":{"resourceVersion":"1"}}',
        b'{"metadata":{"name":"sesame"}}',
        b'{"metadata":{"name":"n","resourceVersion":"sesame"}}',
        b'{"metadata":{"name":1,"resourceVersion":"1"}}',
        b'{"metadata":{"name":"n","resourceVersion":"1"},"spec":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"metadata":{"name":"n","resourceVersion":"1"},"spec":"sesame',
    ],
)
def test_what_is_no_object_is_refused_without_being_quoted(raw: bytes) -> None:
    """The error says what is wrong and repeats nothing of the object."""
    with pytest.raises(ProtocolError) as refused:
        prepare(raw)
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize("raw", [b"", b"[1]", b'{"metadata":1}', b'{"metadata":{'])
def test_stripping_refuses_what_is_no_object(raw: bytes) -> None:
    """Bytes that were not understood are not passed on."""
    with pytest.raises(ProtocolError):
        strip_managed_fields(raw)
