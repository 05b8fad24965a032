"""Conditions of the scrubber that somebody acts on.

::

    TransientError
    └── CleanLogBusy   full, missing or away: the watcher sends the batch again later
    PermanentError
    └── Undecidable    what an object holds cannot be told: it is held back
"""

from __future__ import annotations

from fairlead.runtime.errors import PermanentError, TransientError


class CleanLogBusy(TransientError):
    """The clean log does not take the batch now."""


class Undecidable(PermanentError):
    """It cannot be told what an object holds; the text says why, without repeating any of it."""
