"""Change cursors as resource versions: numbers above every version that an API server gives out."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.contracts.identity import parse_version

_MARK = 0xFA1E
_MARK_SHIFT, _NONCE_SHIFT = 112, 64
NONCE_LIMIT = 1 << (_MARK_SHIFT - _NONCE_SHIFT)
CHANGE_LIMIT = 1 << _NONCE_SHIFT


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the changes of an account: everything up to ``change`` has been told.

    As text it is a decimal number of 128 bits, as KEP-5504 allows, which no etcd counts up to; so it is told from the
    versions of objects, which stay those of the cluster.
    """

    nonce: int
    """Of the account, below `NONCE_LIMIT`."""
    change: int

    def __str__(self) -> str:
        return str(_MARK << _MARK_SHIFT | self.nonce << _NONCE_SHIFT | self.change)


def parse_position(text: str) -> Cursor | int:
    """Read a ``resourceVersion``: one of ours, or a version of the cluster.

    Raises:
        ValueError: it is none.

    """
    number = parse_version(text)
    if number >> _MARK_SHIFT != _MARK:
        return number
    return Cursor(number >> _NONCE_SHIFT & NONCE_LIMIT - 1, number & CHANGE_LIMIT - 1)
