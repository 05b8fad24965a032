"""Telling which bytes may hold an object of a kind."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.scrubber.core.texts import Candidates, unescape

SECRETS = Candidates(["Secret"], ["data", "stringData"])


def escaped(text: str, seed: int, share: float) -> str:
    """Spell a share of the characters inside the strings of a JSON text as Unicode escapes."""
    choose = random.Random(seed)  # noqa: S311 - test data
    out, within, skip = [], False, 0
    for position, letter in enumerate(text):
        if skip:
            skip -= 1
            out.append(letter)
        elif letter == "\\":
            skip = 5 if text[position + 1] == "u" else 1
            out.append(letter)
        elif letter == '"':
            within = not within
            out.append(letter)
        else:
            out.append(f"\\u{ord(letter):04x}" if within and choose.random() < share else letter)
    return "".join(out)


@given(
    st.integers(0, 5), st.integers(), st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.sampled_from(["Secret", "SecretList"])
)
def test_a_kind_is_seen_however_deep_and_however_escaped(levels: int, seed: int, share: float, kind: str) -> None:
    """No nesting of JSON in strings and no choice of escapes hides a quoted kind from the byte tests."""
    text = json.dumps({"kind": kind, "data": {"a": "b"}})
    for level in range(levels):
        text = escaped(json.dumps({"text": text}), seed + level, share)

    assert SECRETS.may_hold(text.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"spec":{"imagePullSecrets":[{"name":"a"}],"volumes":[{"secret":{"secretName":"b"}}]}}',
        b'{"command":"a \\u0026\\u0026 b \\u003e c"}',
        b'{"kind":"SecretStore"}',
        b'{"text":"the Secret is kept"}',
    ],
)
def test_ordinary_objects_take_the_short_way(body: bytes) -> None:
    """References to secrets, and the escapes that Go's encoder writes, do not cost a parse."""
    assert not SECRETS.may_hold(body)


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: Secret\ndata:\n  a: b\n",
        "kind:\tSecret\nstringData: {a: b}",
        "kind: 'Secret' # x\ndata:\n",
        "kind: !!str Secret\ndata:\n",
        'failed: {"kind": "Secret", "data": {"a": "b"}} is wrong',
        'twice: "{\\"kind\\":\\"Secret\\",\\"data\\":{}}"',
    ],
)
def test_text_with_a_secret_in_it(text: str) -> None:
    """YAML, and JSON with other text around it, are recognised, and pass the byte tests before."""
    assert SECRETS.text_holds(text)
    assert SECRETS.may_hold(json.dumps({"text": text}).encode())


@pytest.mark.parametrize("text", ["kind: Secret\nname: a", "kind: SecretStore\ndata: x", "metadata: kind: Secret"])
def test_text_without_values(text: str) -> None:
    """A mere mention of the kind is no secret."""
    assert not SECRETS.text_holds(text)


@given(st.text())
def test_unescape_comes_to_an_end(text: str) -> None:
    """Flattening flattened text changes nothing."""
    flat = unescape(text)

    assert "\\" not in text or "\\" not in flat
    assert unescape(flat) == flat
