"""What gateway, bridge and executor agree on about tunnels, beside the messages: sizes, credit, leases."""

from __future__ import annotations

from fairlead.contracts.v1 import link_pb2 as pb

FEATURE = "tunnel"
"""What Hello and Welcome call it."""
WINDOW_BYTES = 256 * 1024
"""Credit at the beginning of a body: so much of it is under way or waits to be read."""
WINDOW_MAX_BYTES = 1024 * 1024
"""Nobody gives more credit for one body."""
PIECE_BYTES = 64 * 1024
"""Largest piece of a body."""
PIECE_COST_BYTES = 64
"""What a piece costs beside its length, so that many small ones are bounded too."""
HEADERS_BYTES = 256 * 1024
"""Largest sum of the names and values of a head, and of the target; API servers take 1 MiB at most."""
LEASE_S = 1.0
"""How often a bridge tells its executors which tunnels stand, and how long it waits for their answers."""
LEASE_EXPIRES_S = 4.0
"""A bridge or an executor that was not heard for so long is gone, and its tunnels with it."""


def cost_of(content: bytes) -> int:
    """Credit that a piece takes."""
    return len(content) + PIECE_COST_BYTES


def is_write(method: str) -> bool:
    """Whether a request of this method may change something."""
    return method not in ("GET", "HEAD", "OPTIONS")


def may_last(opened: pb.TunnelOpen) -> bool:
    """Whether an exchange may go on for ever: a watch, a followed log. A write never does."""
    return not opened.idle_ms and not is_write(opened.method)
