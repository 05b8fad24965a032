"""What the scrubber's flow needs from the outside."""

from __future__ import annotations

from typing import Protocol


class CleanLog(Protocol):
    """The stream that scrubbed batches are written to."""

    async def append(self, encoded: bytes) -> None:
        """Write one batch; returns when it stands in the log.

        Raises:
            CleanLogBusy: it is full, missing or away.

        """
        ...
