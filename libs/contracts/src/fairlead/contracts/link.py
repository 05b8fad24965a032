"""What both ends of the link agree on beside the messages: protocol versions, limits, how a bridge shows who it is."""

from __future__ import annotations

from fairlead.contracts.streams import MAX_PAYLOAD_BYTES

PROTOCOL_VERSION = 1
"""Spoken by this release. A peer may be one version older or newer; both then speak the lower one."""
FRAME_LIMIT_BYTES = MAX_PAYLOAD_BYTES + 64 * 1024
"""Largest frame: the largest message of the bus and what the frame adds to it. gRPC's own default is 4 MiB."""
DATA_WINDOW_BYTES = 8 * 1024 * 1024
"""Bytes of data frames that may be under way unless Welcome grants another window; one larger frame may travel alone."""
AUTHORIZATION = "authorization"
"""gRPC metadata key of the bearer token: ``authorization: Bearer <token>``."""


def negotiate(theirs: int) -> int | None:
    """The version that two peers speak, None when they are too far apart (0: a peer that does not say)."""
    if theirs < 1 or abs(theirs - PROTOCOL_VERSION) > 1:
        return None
    return min(theirs, PROTOCOL_VERSION)
