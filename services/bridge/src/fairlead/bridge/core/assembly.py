"""Operations arrive in chunks and are handed on whole."""

from __future__ import annotations

from fairlead.contracts.operations import REQUEST_LIMIT_BYTES
from fairlead.contracts.v1 import link_pb2 as pb

OPEN_MAX = 16
"""Operations whose chunks are collected at once; the gateway sends one after the other."""


class Assembly:
    """Collects the chunks of operations of one connection. What is dropped here is sent again by the gateway."""

    def __init__(self, limit_bytes: int = REQUEST_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._open: dict[tuple[str, int], pb.Operation] = {}

    def add(self, chunk: pb.Operation) -> pb.Operation | None:
        """Take a chunk; returns the operation with its whole request when this was the last one.

        A chunk out of order, or one too many bytes, drops what was collected of its operation.
        """
        key = (chunk.id, chunk.attempt)
        whole = self._open.pop(key, None)
        if chunk.chunk == 0:
            whole = pb.Operation()
            whole.CopyFrom(chunk)
        elif whole is None or whole.chunk + 1 != chunk.chunk:
            return None
        else:
            whole.chunk = chunk.chunk
            whole.request += chunk.request
        if len(whole.request) > self._limit_bytes:
            return None
        if chunk.last:
            whole.chunk = 0
            whole.last = True
            return whole
        if len(self._open) >= OPEN_MAX:
            del self._open[next(iter(self._open))]
        self._open[key] = whole
        return None
