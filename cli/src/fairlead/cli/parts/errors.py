"""What can go wrong with a part.

PartError
├── PartMissingError   its binaries cannot be found; the message says how to have them
└── PartFailedError    it did not start, did not become ready, or did not do as it was told
"""

from __future__ import annotations


class PartError(Exception):
    """A real neighbour cannot be had or does not work."""


class PartMissingError(PartError):
    """The binaries of a part are nowhere to be found."""


class PartFailedError(PartError):
    """A part that was found did not do what was asked of it."""
