"""Cutting a stream of bytes into lines, whatever the chunks."""

from __future__ import annotations

from fairlead.kube.errors import ProtocolError

# etcd's request limit is 1.5 MiB; as JSON, and with what aggregated API servers allow, a line may be several times that.
LINE_LIMIT_BYTES = 32 * 1024 * 1024


class LineCutter:
    """Collects chunks and gives back whole lines without their newline; each byte is copied at most twice."""

    def __init__(self, limit_bytes: int = LINE_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def pending_bytes(self) -> int:
        """How much of an unfinished line is held."""
        return self._size

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take a chunk and return the lines it completes, blank ones left out.

        Raises:
            ProtocolError: an unfinished line is over the limit.

        """
        head, newline, tail = chunk.partition(b"\n")
        if not newline:
            self._keep(chunk)
            return []
        self._parts.append(head)
        lines = [b"".join(self._parts)]
        self._parts, self._size = [], 0
        if tail:
            *whole, rest = tail.split(b"\n")
            lines += whole
            self._keep(rest)
        return [line for line in lines if line.strip()]

    def _keep(self, part: bytes) -> None:
        if not part:
            return
        self._size += len(part)
        if self._size > self._limit_bytes:
            raise ProtocolError(f"a line of the stream is longer than {self._limit_bytes} bytes")
        self._parts.append(part)
