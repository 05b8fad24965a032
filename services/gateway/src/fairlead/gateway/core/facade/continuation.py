"""Continue tokens: where the next page of a list begins.

A token grants nothing that its bearer may not list anyway, so it is not signed, only read strictly.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

import msgspec

from fairlead.contracts.identity import ObjectKey
from fairlead.gateway.core.facade.cursors import CHANGE_LIMIT, NONCE_LIMIT, Cursor

_PREFIX = "fairlead."
"""The dot is in no token of an API server: those are base64 of JSON (k8s.io/apiserver, storage ``EncodeContinue``)."""
_LENGTH_LIMIT = 2048
_decode = msgspec.json.Decoder(tuple[int, int, str, str]).decode


class MalformedToken(ValueError):
    """It begins like a token of ours and is none."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """The first page showed the account at ``cursor``; the next begins behind ``after``."""

    cursor: Cursor
    after: ObjectKey

    def __str__(self) -> str:
        content = msgspec.json.encode((self.cursor.nonce, self.cursor.change, *self.after))
        return _PREFIX + urlsafe_b64encode(content).decode().rstrip("=")


def is_ours(token: str) -> bool:
    """Whether a token looks like one of ours, and not like an API server's."""
    return token.startswith(_PREFIX)


def parse_token(token: str) -> Continuation:
    """Read a token.

    Raises:
        MalformedToken: it is none of ours.

    """
    text = token.removeprefix(_PREFIX)
    try:
        if not is_ours(token) or len(token) > _LENGTH_LIMIT:
            raise MalformedToken("the continue token is not from here")
        nonce, change, namespace, name = _decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, msgspec.DecodeError):
        raise MalformedToken("the continue token cannot be read") from None
    if not (0 <= nonce < NONCE_LIMIT and 0 <= change < CHANGE_LIMIT and name) or "\0" in namespace + name:
        raise MalformedToken("the continue token names no place")
    return Continuation(Cursor(nonce, change), ObjectKey(namespace, name))
