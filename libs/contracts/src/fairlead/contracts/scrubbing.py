"""The scrubber's reply to a raw batch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgpack


class Verdict(StrEnum):
    """What became of a raw batch."""

    DONE = "done"
    """The scrubbed batch stands in the clean log."""
    BUSY = "busy"
    """The clean log is full or away; the same batch may be sent again later."""
    MALFORMED = "malformed"
    """The batch could not be decoded; sending it again is of no use: close the sessions in it and begin anew."""


@dataclass(frozen=True, slots=True)
class ScrubReply:
    """Verdict and the hash of the rules by which it was reached; a new hash means that every session must list again."""

    verdict: Verdict
    rules: str
    retry_after_ms: int = 0

    def encode(self) -> bytes:
        """Turn the reply into bytes."""
        return bytes(msgpack.packb([self.verdict.value, self.rules, self.retry_after_ms]))

    @classmethod
    def decode(cls, data: bytes) -> ScrubReply:
        """Read a reply.

        Raises:
            ValueError: the bytes are no reply.

        """
        try:
            verdict, rules, retry_after_ms = msgpack.unpackb(data)
            return cls(Verdict(verdict), str(rules), int(retry_after_ms))
        except (ValueError, TypeError, OverflowError) as error:
            raise ValueError(f"no scrub reply ({type(error).__name__})") from None
