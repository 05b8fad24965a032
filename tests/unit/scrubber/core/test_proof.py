"""Layer 2: the byte-level check, on its own."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.secrets import LAST_APPLIED, objects_with_secrets, plain_objects, secrets
from tests.unit.scrubber.core.test_texts import escaped

from fairlead.contracts.identity import Resource
from fairlead.scrubber.core.proof import leaks, may_leak
from fairlead.scrubber.core.redaction import Redactor
from fairlead.scrubber.service import shipped_rules

PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
SECRETS = Resource("", "v1", "secrets", "Secret", namespaced=True)
REDACTOR = Redactor(shipped_rules())


@given(objects_with_secrets())
def test_it_finds_what_the_rules_would_have_removed(document: dict[str, Any]) -> None:
    """Without layer 1, every hidden Secret is found; after layer 1, nothing is."""
    body = msgspec.json.encode(document)

    assert may_leak(body)
    assert leaks(body, is_secret=False)
    assert not leaks(REDACTOR.redact(PODS, body).object, is_secret=False)


@given(secrets())
def test_it_finds_values_of_secrets(secret: dict[str, Any]) -> None:
    """Without layer 1, a Secret with values is found; after layer 1, it is clean."""
    body = msgspec.json.encode(secret)

    assert leaks(body, is_secret=True)
    assert not leaks(REDACTOR.redact(SECRETS, body).object, is_secret=True)


@given(secrets(), st.integers(0, 4), st.integers(), st.sampled_from([0.0, 0.2, 1.0]))
def test_escapes_hide_nothing(secret: dict[str, Any], levels: int, seed: int, share: float) -> None:
    """However deep in strings of strings and however escaped, a Secret is found."""
    text = json.dumps(secret)
    for level in range(levels):
        text = escaped(json.dumps({"text": text}), seed + level, share)

    assert leaks(escaped(text, seed, share).encode(), is_secret=False)


@given(plain_objects())
def test_plain_objects_are_clean(document: dict[str, Any]) -> None:
    """Objects without a Secret in them are not held back."""
    assert not leaks(msgspec.json.encode(document), is_secret=False)


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "ConfigMap", "data": {"a": "b"}, "metadata": {"ownerReferences": [{"kind": "Secret", "name": "a"}]}},
        {"kind": "List", "items": [{"kind": "Secret"}, {"kind": "ConfigMap", "data": {"a": "b"}}]},
        {"kind": "Secret", "data": {}, "stringData": None},
        {"kind": "SecretStore", "data": {"a": "b"}},
        {"data": {"a": "use kind: Secret"}},
        {"data": {"policy": json.dumps({"kinds": ["Secret"], "kind": "Policy", "data": {"a": 1}})}},
    ],
)
def test_mentions_are_no_leaks(document: dict[str, Any]) -> None:
    """The word alone, or values of a neighbour, hold nothing back."""
    assert not leaks(msgspec.json.encode(document), is_secret=False)


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind":"Secret","kind":"ConfigMap","data":{"a":"b"}}',
        b'{"kind" : "Secret", "data" : { "a" : "b" } }',
        b'{"x":{"kind":"Secret","data":{"a":"b"}',
        b'{"text":"{\\n \\"kind\\":\\t\\"Secret\\",\\n \\"stringData\\": {\\n\\"a\\": 1}}"}',
        b'{"text":"kind: Secret\\ndata:\\n  a: b"}',
        b'{"text":"kind: \\u0026k Secret\\ndata:\\n  a: b"}',
        b'{"text":"kind: \\u003e-\\n  Secret\\ndata:\\n  a: b"}',
        b'{"a":"x\\\\","kind":"Secret","data":"x"}',
        b'{"text":"{\\u0022kind\\u0022:\\u0022Secret\\u0022,\\u0022data\\u0022:{\\u0022a\\u0022:1}}"}',
    ],
)
def test_odd_spellings(body: bytes) -> None:
    """Doubled keys, blanks, truncated documents, YAML and escaped quotes are seen through."""
    assert leaks(body, is_secret=False)


@pytest.mark.parametrize(
    "annotations",
    [{LAST_APPLIED: "x"}, {"backup": json.dumps({"data": {"a": "b"}})}, {"backup": json.dumps([{"stringData": "b"}])}],
)
def test_copies_in_a_secret(annotations: dict[str, str]) -> None:
    """In a Secret, a last-applied annotation or any document with values is a leak."""
    body = msgspec.json.encode({"kind": "PartialObjectMetadata", "metadata": {"annotations": annotations}})

    assert leaks(body, is_secret=True)
    assert not leaks(body, is_secret=False)


def test_endless_escapes_are_a_leak() -> None:
    """Escapes of escapes that do not come to an end are not followed for ever."""
    text = "\\u0053"
    for _ in range(20):
        text = text.replace("\\", "\\u005c", 1)

    assert leaks(f'{{"Secret":"{text}"}}'.encode(), is_secret=False)
