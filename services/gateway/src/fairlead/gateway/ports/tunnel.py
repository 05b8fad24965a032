"""The tunnel: one HTTP exchange with the API server of an account, through its agent, in bytes and bounded memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from fairlead.contracts.tunnels import is_write


@dataclass(frozen=True, slots=True)
class TunnelRequest:
    """What goes to the API server, byte for byte.

    Hop-by-hop headers, ``Host``, ``Authorization`` and ``Content-Length`` are not among the headers: the executor has its own.
    """

    id: str
    """ULID; claims a write and names it in the API server's audit log (``Audit-ID: <id>.1``)."""
    account: str
    method: str
    target: str
    """Path and query, encoded, as the client sent them behind ``/accounts/<account>``."""
    headers: tuple[tuple[str, str], ...] = ()
    body: AsyncIterator[bytes] | None = None
    """None: the request has no body."""
    answer_within_s: float = 60.0
    """Time until the head of the answer; the body may take as long as bytes come."""
    idle_s: float = 0.0
    """Longest silence within the body; 0: no bound (watches and followed logs are silent for long)."""

    @property
    def writes(self) -> bool:
        """Whether the exchange may change something."""
        return is_write(self.method)


@dataclass(frozen=True, slots=True)
class TunnelAnswer:
    """The API server's answer. Reading the body slowly slows the API server's end down, and nobody else's.

    Reading the body raises `TunnelLost` when it breaks off.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: AsyncIterator[bytes]
    traceparent: str = ""
    """Of the exchange, where it is traced."""


class Tunnel(Protocol):
    """Carries exchanges through the agent that is connected to this gateway."""

    def exchange(self, request: TunnelRequest) -> AbstractAsyncContextManager[TunnelAnswer]:
        """Send a request; the context gives the answer's head once it came. Leaving it ends the exchange at both ends.

        Raises:
            TunnelUnavailable: no agent, or no executor took it. Nothing reached the API server: it may be sent again.
            TunnelLost: it was on its way; whether it took effect is not known.
            TunnelRefused: the agent's end refuses it for good (its message says why).

        """
        ...
