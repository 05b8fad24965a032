"""Objects that carry secret values in many disguises, for the tests of what must never leave a cluster."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import strategies as st

SENTINEL = "s3nt1nel"
"""Part of every secret value that is generated here."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

JsonObject = dict[str, Any]

_names = st.text("abcdefghij-.", min_size=1, max_size=12)
_values = st.text(max_size=20).map(lambda text: f"{SENTINEL}{text}")
_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
_harmless = st.text(max_size=30).filter(lambda text: "Secret" not in text)


def disguises() -> tuple[bytes, bytes]:
    """The sentinel as it may show up in bytes: plain, and in base64 when a value begins with it."""
    return SENTINEL.encode(), base64.b64encode(SENTINEL.encode())[:9]


@st.composite
def secrets(draw: st.DrawFn) -> JsonObject:
    """A Secret manifest with values in `data` (base64), `stringData`, or both."""
    values = draw(st.dictionaries(_names, _values, min_size=1, max_size=3))
    secret: JsonObject = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": draw(_names)}}
    where = draw(st.sampled_from(["data", "stringData", "both"]))
    if where != "stringData":
        secret["data"] = {
            name: base64.b64encode(text.encode("utf-8", "replace")).decode() for name, text in values.items()
        }
    if where != "data":
        secret["stringData"] = values
    if draw(st.booleans()):
        secret["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(secret), "note": draw(_harmless)}
    keys = draw(st.permutations(sorted(secret)))
    return {key: secret[key] for key in keys}


def _listed(secret: JsonObject) -> JsonObject:
    return {"apiVersion": "v1", "kind": "List", "items": [{"kind": "ConfigMap", "data": {"a": "b"}}, secret]}


def _secret_list(secret: JsonObject) -> JsonObject:
    bare = {key: value for key, value in secret.items() if key not in ("kind", "apiVersion")}
    return {"apiVersion": "v1", "kind": "SecretList", "items": [bare]}


def _template(secret: JsonObject) -> JsonObject:
    return {"kind": "Bundle", "spec": {"templates": [[{"manifest": secret}]]}}


def _text(document: JsonObject) -> JsonObject:
    return {"kind": "ConfigMap", "data": {"manifest.json": json.dumps(document)}}


def _pretty(document: JsonObject) -> JsonObject:
    return {"kind": "ConfigMap", "data": {"manifest.json": json.dumps(document, indent=2, ensure_ascii=False)}}


def _applied(document: JsonObject) -> JsonObject:
    return {"kind": "Bundle", "metadata": {"annotations": {LAST_APPLIED: json.dumps(document) + "\n"}}}


def _message(document: JsonObject) -> JsonObject:
    return {"kind": "Event", "message": f"cannot apply {json.dumps(document)}: it is wrong"}


WRAPPINGS = (_listed, _template, _text, _pretty, _applied, _message)


@st.composite
def objects_with_secrets(draw: st.DrawFn) -> JsonObject:
    """An object that is no Secret itself and holds one, under up to four wrappings."""
    held = draw(secrets())
    if draw(st.booleans()):
        held = _secret_list(held)
    for wrap in draw(st.lists(st.sampled_from(WRAPPINGS), min_size=1, max_size=4)):
        held = wrap(held)
    return held


def plain_objects() -> st.SearchStrategy[JsonObject]:
    """Objects without a Secret in them."""
    words = _harmless.filter(lambda text: "\\u" not in text)
    tree = st.recursive(
        _scalars.filter(lambda value: value != "Secret"),
        lambda below: st.lists(below, max_size=3) | st.dictionaries(words, below, max_size=3),
        max_leaves=12,
    )
    return st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["Pod", "ConfigMap", "Widget"]),
            "data": tree,
            "metadata": st.fixed_dictionaries({"name": words}),
        }
    )
