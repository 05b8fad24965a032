"""Conditions of the bridge that somebody acts on.

::

    TransientError
    ├── LinkLost         the connection ended, or could not be made
    │   └── LinkRefused  the gateway does not take this agent: dialled again, but slowly
    ├── LinkBusy         too much under way, or no answer in time
    ├── NoExecutor       nobody in the zone takes operations of the account
    ├── ZoneUnavailable  nats-server is away, or nobody answers in time
    └── CleanLogMissing  the stream or its consumer is gone: it is made anew
"""

from __future__ import annotations

from fairlead.runtime.errors import TransientError


class LinkLost(TransientError):
    """There is no connection to the gateway."""


class LinkRefused(LinkLost):
    """The gateway refuses this agent; a person has to act, so there is no hurry to ask again."""


class LinkBusy(TransientError):
    """The link stands and takes nothing more now."""


class NoExecutor(TransientError):
    """No executor serves the account."""


class ZoneUnavailable(TransientError):
    """The zone's bus does not answer."""


class CleanLogMissing(TransientError):
    """The clean log cannot be read until it is made anew."""
