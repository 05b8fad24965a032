"""What is sent next: three lanes and one window.

Control frames overtake all others. Data frames are bounded by a window of bytes that the gateway grants and that its
acknowledgements give back; a frame larger than the window may travel alone. Frames of tunnels get half of the link while
there is data to send, each tunnel in its turn; what waits of one is bounded by the credit of its reader.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fairlead.contracts.tunnels import WINDOW_MAX_BYTES

F = TypeVar("F")
TUNNEL_LIMIT_BYTES = 2 * WINDOW_MAX_BYTES
"""What may wait of one tunnel. Credit keeps it well below; an executor that breaks its rules meets this."""


@dataclass(slots=True)
class _Tunnel(Generic[F]):
    frames: deque[tuple[F, int]] = field(default_factory=deque)
    size_bytes: int = 0


@dataclass(slots=True)
class _Data(Generic[F]):
    number: int
    size_bytes: int
    frame: F


class Lanes(Generic[F]):
    """The frames that wait to be sent on one connection, and the data that is not yet acknowledged.

    Args:
        window_bytes: data that may be under way.
        control_limit_bytes: control frames that may wait.

    """

    def __init__(self, window_bytes: int, control_limit_bytes: int) -> None:
        self._window_bytes = window_bytes
        self._control_limit_bytes = control_limit_bytes
        self._control: deque[tuple[F, int]] = deque()
        self._control_bytes = 0
        self._waiting: deque[_Data[F]] = deque()
        self._waiting_bytes = 0
        self._sent: deque[_Data[None]] = deque()
        self._sent_bytes = 0
        self._last_number = 0
        self._tunnels: OrderedDict[str, _Tunnel[F]] = OrderedDict()
        self._data_lead_bytes = 0
        """How much more data than frames of tunnels was sent while both were there."""

    @property
    def in_flight_bytes(self) -> int:
        """Bytes of data sent and not acknowledged."""
        return self._sent_bytes

    @property
    def has_tunnels(self) -> bool:
        """Whether frames of tunnels wait."""
        return bool(self._tunnels)

    @property
    def has_room(self) -> bool:
        """Whether more data should be fetched: what waits and what is under way leave some of the window."""
        return self._waiting_bytes + self._sent_bytes < self._window_bytes

    def put_control(self, frame: F, size_bytes: int) -> bool:
        """Queue a control frame; False, and nothing queued, when too many bytes wait already."""
        if self._control and self._control_bytes + size_bytes > self._control_limit_bytes:
            return False
        self._control.append((frame, size_bytes))
        self._control_bytes += size_bytes
        return True

    def put_data(self, frame: F, size_bytes: int) -> int:
        """Queue a data frame; returns its number, which grows by one within a connection."""
        self._last_number += 1
        self._waiting.append(_Data(self._last_number, size_bytes, frame))
        self._waiting_bytes += size_bytes
        return self._last_number

    def put_tunnel(self, tunnel: str, frame: F, size_bytes: int) -> bool:
        """Queue a frame of a tunnel; False, and nothing queued, when too many bytes of it wait already."""
        lane = self._tunnels.setdefault(tunnel, _Tunnel())
        if lane.size_bytes >= TUNNEL_LIMIT_BYTES:
            return False
        lane.frames.append((frame, size_bytes))
        lane.size_bytes += size_bytes
        return True

    def next(self) -> F | None:
        """Take the frame that is to be sent now; None when none may be."""
        if self._control:
            frame, size_bytes = self._control.popleft()
            self._control_bytes -= size_bytes
            return frame
        has_data = bool(self._waiting) and self._fits(self._waiting[0].size_bytes)
        if not (has_data and self._tunnels):
            self._data_lead_bytes = 0
        if self._tunnels and (not has_data or self._data_lead_bytes > 0):
            return self._next_of_tunnels()
        return self._next_data() if has_data else None

    def _next_of_tunnels(self) -> F:
        tunnel, lane = self._tunnels.popitem(last=False)
        frame, size_bytes = lane.frames.popleft()
        lane.size_bytes -= size_bytes
        if lane.frames:
            self._tunnels[tunnel] = lane
        self._data_lead_bytes -= size_bytes
        return frame

    def _next_data(self) -> F:
        data = self._waiting.popleft()
        self._data_lead_bytes += data.size_bytes
        self._waiting_bytes -= data.size_bytes
        self._sent.append(_Data(data.number, data.size_bytes, None))
        self._sent_bytes += data.size_bytes
        return data.frame

    def acknowledged(self, through: int) -> list[int]:
        """Free the window of all data sent up to a number; returns the numbers that this settles."""
        settled = []
        while self._sent and self._sent[0].number <= through:
            data = self._sent.popleft()
            self._sent_bytes -= data.size_bytes
            settled.append(data.number)
        return settled

    def _fits(self, size_bytes: int) -> bool:
        return not self._sent or self._sent_bytes + size_bytes <= self._window_bytes
