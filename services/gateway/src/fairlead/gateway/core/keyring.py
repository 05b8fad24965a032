"""Seals bodies at rest: AES-256-GCM under the newest of the gateway's keys, opened by whichever sealed them."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fairlead.gateway.errors import SealBroken

KEY_BYTES = 32
_NONCE_BYTES = 12  # NIST SP 800-38D: 96 bits


class Keyring:
    """The keys of the gateway.

    Args:
        keys: 32 bytes each; the first seals, every one opens.

    """

    def __init__(self, keys: list[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"keys must have {KEY_BYTES} bytes")
        self._ciphers = {_key_id(key): AESGCM(key) for key in reversed(keys)}
        self._mac_keys = {_key_id(key): sha256(b"fairlead fingerprint " + key).digest() for key in keys}
        self.current = _key_id(keys[0])

    def seal(self, plain: bytes, context: str) -> tuple[str, bytes]:
        """Seal bytes for one place (``context``); returns the id of the key and the sealed bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        return self.current, nonce + self._ciphers[self.current].encrypt(nonce, plain, context.encode())

    def open(self, key_id: str, sealed: bytes, context: str) -> bytes:
        """Open what was sealed for the same place.

        Raises:
            SealBroken: unknown key, or damaged or misplaced bytes.

        """
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SealBroken(f"the key {key_id} is not in gateway.keyFile; add it below the current one")
        try:
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except InvalidTag:
            raise SealBroken("sealed bytes are damaged or stand in the wrong place") from None

    def fingerprint(self, plain: bytes, key_id: str = "") -> tuple[str, bytes]:
        """A keyed hash that tells whether two bodies are the same without telling anything about them."""
        chosen = key_id or self.current
        key = self._mac_keys.get(chosen)
        if key is None:
            raise SealBroken(f"the key {chosen} is not in gateway.keyFile; add it below the current one")
        return chosen, hmac.digest(key, plain, "sha256")


def parse_keys(text: str) -> list[bytes]:
    """Read a key file: one key of 32 bytes a line in base64 of either alphabet, the newest first; ``#`` begins a comment.

    Raises:
        ValueError: says which line is wrong, without repeating it.

    """
    keys = []
    for number, line in enumerate(text.splitlines(), start=1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        try:
            padding = "=" * (-len(word) % 4)
            key = base64.b64decode(word.replace("-", "+").replace("_", "/") + padding, validate=True)
        except binascii.Error:
            raise ValueError(f"line {number} is no base64") from None
        if len(key) != KEY_BYTES:
            raise ValueError(f"line {number} has {len(key)} bytes instead of {KEY_BYTES}")
        keys.append(key)
    if not keys:
        raise ValueError("it holds no key")
    return keys


def make_key() -> str:
    """Make one line of a key file."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _key_id(key: bytes) -> str:
    return sha256(b"fairlead key id " + key).hexdigest()[:8]
