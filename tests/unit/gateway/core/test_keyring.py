"""Sealing bodies at rest."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.gateway.core.keyring import Keyring, make_key, parse_keys
from fairlead.gateway.errors import SealBroken

OLD, NEW = b"o" * 32, b"n" * 32


@given(st.binary(max_size=200))
def test_round_trip(plain: bytes) -> None:
    """What was sealed opens in its own place, and shows nothing of what is inside."""
    keyring = Keyring([NEW])
    key_id, sealed = keyring.seal(plain, "request 1")
    assert keyring.open(key_id, sealed, "request 1") == plain
    assert len(plain) < 4 or plain not in sealed
    with pytest.raises(SealBroken):
        keyring.open(key_id, sealed, "request 2")
    with pytest.raises(SealBroken):
        keyring.open(key_id, sealed[:-1] + bytes([sealed[-1] ^ 1]), "request 1")


def test_rotation() -> None:
    """The newest key seals, older ones open; without the old one its seals stay closed, and that is told."""
    key_id, sealed = Keyring([OLD]).seal(b"body", "c")
    rotated = Keyring([NEW, OLD])
    assert rotated.open(key_id, sealed, "c") == b"body"
    assert rotated.seal(b"", "c")[0] != key_id
    with pytest.raises(SealBroken, match="keyFile"):
        Keyring([NEW]).open(key_id, sealed, "c")


def test_fingerprints() -> None:
    """Equal bodies have equal fingerprints under one key, also after a rotation; another key tells nothing."""
    old = Keyring([OLD])
    key_id, fingerprint = old.fingerprint(b"body")
    assert Keyring([NEW, OLD]).fingerprint(b"body", key_id) == (key_id, fingerprint)
    assert old.fingerprint(b"other")[1] != fingerprint
    assert Keyring([NEW]).fingerprint(b"body")[1] != fingerprint
    with pytest.raises(SealBroken):
        Keyring([NEW]).fingerprint(b"body", key_id)


def test_key_files() -> None:
    """A line is the base64 of 32 bytes, in either alphabet, padded or not; comments and blank lines do not count."""
    urlsafe = base64.urlsafe_b64encode(b"\xff" * 32).decode().rstrip("=")
    text = f"# comment\n\n{make_key()} # newest\n{urlsafe}\n"
    keys = parse_keys(text)
    assert [len(key) for key in keys] == [32, 32]
    assert keys[1] == b"\xff" * 32


@pytest.mark.parametrize(("text", "told"), [("", "no key"), ("!!!", "line 1"), ("\nYWJj", "line 2 has 3 bytes")])
def test_bad_key_files(text: str, told: str) -> None:
    """What is wrong with a key file is told without repeating it."""
    with pytest.raises(ValueError, match=told):
        parse_keys(text)
