"""Layer 1: rules applied to objects."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from tests.support.secrets import LAST_APPLIED, SENTINEL, disguises, objects_with_secrets, plain_objects, secrets

from fairlead.contracts.identity import Resource
from fairlead.scrubber.core.redaction import MARK, Outcome, Redactor, parse
from fairlead.scrubber.errors import Undecidable
from fairlead.scrubber.service import shipped_rules

SECRETS = Resource("", "v1", "secrets", "Secret", namespaced=True)
PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
REDACTOR = Redactor(shipped_rules())


def redact(document: Any, resource: Resource = PODS) -> Outcome:
    """Redact a document that is given as Python values."""
    return REDACTOR.redact(resource, msgspec.json.encode(document))


@given(secrets())
def test_a_secret_loses_its_values(secret: dict[str, Any]) -> None:
    """Neither values nor copies of them are left of a Secret; what it is called stays."""
    outcome = redact(secret, SECRETS)
    left = json.loads(outcome.object)

    assert outcome.redacted
    assert not outcome.withheld
    assert not any(disguise in outcome.object for disguise in disguises())
    assert left["metadata"]["name"] == secret["metadata"]["name"]
    assert set(left) <= {"apiVersion", "kind", "metadata"}


@given(objects_with_secrets())
def test_a_secret_is_found_wherever_it_stands(document: dict[str, Any]) -> None:
    """Lists, templates, last-applied copies and strings of strings hide nothing, and the redaction is idempotent."""
    outcome = redact(document)

    assert outcome.redacted
    assert not outcome.withheld
    assert not any(disguise in outcome.object for disguise in disguises())
    assert REDACTOR.redact(PODS, outcome.object) == Outcome(outcome.object)


@given(plain_objects())
def test_an_object_without_secrets_is_untouched(document: dict[str, Any]) -> None:
    """What no rule touches comes out byte by byte as it went in, whatever its spelling."""
    for body in (msgspec.json.encode(document), json.dumps(document, indent=1).encode()):
        outcome = REDACTOR.redact(PODS, body)

        assert outcome == Outcome(body)
        assert outcome.object is body


def test_metadata_of_a_secret() -> None:
    """A metadata-only Secret passes unchanged, unless it carries a copy of itself."""
    partial = {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "a"}}
    assert redact(partial, SECRETS) == Outcome(msgspec.json.encode(partial))

    copy = json.dumps({"kind": "Secret", "data": {"a": SENTINEL}})
    partial["metadata"] = {"name": "a", "annotations": {LAST_APPLIED: copy, "note": "x"}, "managedFields": []}
    outcome = redact(partial, SECRETS)
    assert json.loads(outcome.object)["metadata"] == {"name": "a", "annotations": {"note": "x"}}
    assert outcome.redacted


@pytest.mark.parametrize(
    "annotation",
    [
        json.dumps({"data": {"a": SENTINEL}}),
        json.dumps([{"stringData": {"a": SENTINEL}}]),
        f"data:\n  a: {SENTINEL}\n",
    ],
)
def test_a_copy_in_a_secret_need_not_say_what_it_is(annotation: str) -> None:
    """Any document in an annotation of a Secret is taken for a copy of it."""
    outcome = redact({"metadata": {"annotations": {"backup": annotation}}}, SECRETS)

    assert outcome.redacted
    assert SENTINEL.encode() not in outcome.object


@pytest.mark.parametrize("go_escapes", [False, True])
@pytest.mark.parametrize(
    "kind",
    [
        "kind: &k Secret",
        "kind:\n  Secret",
        "kind: >-\n  Secret",
        "kind: !!str &k Secret",
        '"kind": Secret',
        "kind :\tSecret",
    ],
)
def test_spellings_of_yaml(kind: str, *, go_escapes: bool) -> None:
    """Anchors, tags, line ends and block indicators before the kind hide nothing, spelled as Go's encoder does or not."""
    body = json.dumps({"kind": "ConfigMap", "data": {"a.yaml": f"{kind}\ndata:\n  a: {SENTINEL}\n"}})
    if go_escapes:
        body = body.replace("&", "\\u0026").replace(">", "\\u003e")
    outcome = REDACTOR.redact(PODS, body.encode())

    assert SENTINEL not in outcome.object.decode()
    assert outcome.redacted


def test_yaml_in_a_string() -> None:
    """Text that reads like a Secret in YAML is replaced as a whole."""
    manifest = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\nstringData:\n  a: {SENTINEL}\n"
    outcome = redact({"kind": "ConfigMap", "data": {"a.yaml": manifest, "b": "c"}})

    assert json.loads(outcome.object)["data"] == {"a.yaml": MARK, "b": "c"}


def test_numbers_keep_their_spelling() -> None:
    """What is rewritten keeps numbers that no float can hold, in the order in which all stood."""
    body = (
        b'{"z":1.10,"big":123456789012345678901234567890,"tiny":1e-400,"x":{"kind":"Secret","data":{"a":"b"}},"a":-0}'
    )

    assert REDACTOR.redact(PODS, body).object == (
        b'{"z":1.10,"big":123456789012345678901234567890,"tiny":1e-400,"x":{"kind":"Secret"},"a":-0}'
    )


@pytest.mark.parametrize("escaped", [r'"\u0053ecret"', r'"Secre\u0074"', r'"\u0053\u0065\u0063\u0072\u0065\u0074"'])
def test_an_escaped_kind_is_no_way_around(escaped: str) -> None:
    """Spelling the kind with escapes, at any level, does not reach the short way."""
    held = f'{{"kind":{escaped},"data":{{"a":"{SENTINEL}"}}}}'
    for body in (f'{{"x":{held}}}', json.dumps({"x": held}), json.dumps({"x": json.dumps({"y": held})})):
        outcome = REDACTOR.redact(PODS, body.encode())

        assert outcome.redacted
        assert SENTINEL.encode() not in outcome.object


def nested(levels: int) -> bytes:
    """Mappings in mappings, a Secret innermost."""
    return b'{"a":' * levels + b'{"kind":"Secret","data":{"a":"b"}}' + b"}" * levels


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"kind":"Secret","data":{"a":"b"}', "no valid JSON"),
        (b'{"kind":"Secret","kind":"ConfigMap","data":{"a":"b"}}', "a key stands twice"),
        (b'{"a":1} trailing', "no valid JSON"),
        (b"[1]", "no JSON object"),
        (b'["kind","Secret"]', "no JSON object"),
        (b'{"a":"\xff"}', "no valid UTF-8"),
        (b'{"kind":"Secret","a":"\xff"}', "no valid UTF-8"),
        (b'{"kind":"Secret","a":NaN}', "no valid JSON"),
        (b'{"a":"\\ud800","kind":"Secret","data":{"a":"b"}}', "a rule failed (UnicodeEncodeError)"),
        ('{"kind":"Secret"}'.encode("utf-16"), "no valid JSON"),
        (nested(300), "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (nested(100_000), "nested too deeply"),
    ],
)
def test_what_cannot_be_decided_is_held_back(body: bytes, reason: str) -> None:
    """A stub goes out in place of an object that cannot be looked through; its reason repeats nothing of it."""
    assert REDACTOR.redact(PODS, body) == Outcome(b"", withheld=f"scrubber: {reason}")


def test_deep_but_decidable() -> None:
    """Ordinary nesting is looked through."""
    assert b"data" not in REDACTOR.redact(PODS, nested(80)).object


def test_parse_refuses_doubled_keys_at_any_depth() -> None:
    """A reader might see the other one of two equal keys."""
    with pytest.raises(Undecidable, match="twice"):
        parse('{"a":[{"b":1,"b":2}]}')
