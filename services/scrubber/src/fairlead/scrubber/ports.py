"""What the scrubber's flow needs from the outside."""

from __future__ import annotations

from typing import Protocol


class CleanLog(Protocol):
    """The stream that scrubbed batches are written to."""

    async def append(self, encoded: bytes, traceparent: str) -> None:
        """Write one batch; returns when it stands in the log. The reader is told the trace of a sampled event, empty for none.

        Raises:
            CleanLogBusy: it is full, missing or away.

        """
        ...
