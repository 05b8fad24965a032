"""JetStream streams, durables and buckets as data; the owner named here creates them."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.contracts.subjects import CLEAN_BATCH

MIB = 1024 * 1024
MAX_PAYLOAD_BYTES = 8 * MIB
"""`max_payload` that nats-server must grant; checked at connect. Larger objects travel as stubs."""
SERVER_VERSION_MIN = (2, 10, 0)
"""Bucket-wide TTLs and consumer settings that we rely on came with nats-server 2.10."""


@dataclass(frozen=True, slots=True)
class CleanLog:
    """The clean hop: one work-queue stream, read by one durable pull consumer."""

    name: str = "fairlead-clean"
    subject: str = CLEAN_BATCH
    owner: str = "bridge"
    durable: str = "bridge"
    max_bytes: int = 512 * MIB
    ack_wait_s: float = 10.0
    max_ack_pending: int = 64


@dataclass(frozen=True, slots=True)
class ClaimsBucket:
    """Where executors claim operations and keep status and identity of results, never an object."""

    name: str = "fairlead-operations"
    owner: str = "executor"
    ttl_s: float = 3600.0
    max_bytes: int = 64 * MIB


CLEAN_LOG = CleanLog()
CLAIMS = ClaimsBucket()
