"""Conditions that the watcher acts on.

::

    TransientError
    ├── ClusterUnavailable         no answer, 429, 5xx
    ├── ScrubberUnavailable        no scrubber takes raw batches
    └── GatewayUnavailable         the bridge or the link is away
    PermanentError
    ├── VersionForgotten           410: the server cannot go on from this version
    ├── StreamingListUnsupported   the server cannot stream a list
    ├── AccessRefused              401, 403
    ├── ResourceGone               404: the kind itself was removed
    ├── SessionClosed              the gateway takes no parts of this session any more
    └── AccountRefused             the gateway does not let this agent speak for the account
"""

from __future__ import annotations

from fairlead.runtime.errors import PermanentError, TransientError


class ClusterUnavailable(TransientError):
    """The API server is away or overloaded."""


class ScrubberUnavailable(TransientError):
    """No scrubber answers."""


class GatewayUnavailable(TransientError):
    """The gateway cannot be asked now."""


class VersionForgotten(PermanentError):
    """The API server has forgotten the version that was asked for."""


class StreamingListUnsupported(PermanentError):
    """The API server cannot stream lists."""


class AccessRefused(PermanentError):
    """The API server does not let us read this."""


class ResourceGone(PermanentError):
    """The API server does not serve this kind any more."""


class SessionClosed(PermanentError):
    """The session is not the current one."""


class AccountRefused(PermanentError):
    """The gateway refuses the account; a person has to decide."""


CLUSTER_FAILURES = (ClusterUnavailable, AccessRefused, ResourceGone, VersionForgotten)
"""What any question to a cluster may end in."""
