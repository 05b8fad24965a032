"""What the bridge's flows need from the outside."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from fairlead.contracts.v1 import link_pb2 as pb


class Wire(Protocol):
    """One connection to the gateway, on which frames travel in order."""

    async def send(self, frame: pb.AgentFrame) -> None:
        """Send a frame; returns when the transport has taken it. Called by one task at a time.

        Raises:
            LinkLost: the connection ended.

        """
        ...

    async def receive(self) -> pb.GatewayFrame:
        """Wait for the next frame.

        Raises:
            LinkLost: the connection ended.
            LinkRefused: the gateway does not take this agent.

        """
        ...

    async def close(self) -> None:
        """Let go of the connection; never fails."""
        ...


class Dialler(Protocol):
    """Makes connections to the gateway."""

    async def dial(self) -> Wire:
        """Connect.

        Raises:
            LinkLost: it cannot be reached; says why and what to do.
            LinkRefused: it does not take this agent.

        """
        ...


class Zone(Protocol):
    """The zone's bus, apart from calls and the clean log."""

    async def notify(self, frame: pb.GatewayFrame) -> None:
        """Tell every watcher something; a hint that may be lost.

        Raises:
            ZoneUnavailable: nats-server is away.

        """
        ...

    async def hand_over(self, frame: pb.GatewayFrame) -> None:
        """Give a whole operation to an executor of its account; returns when one took it.

        Raises:
            NoExecutor: there is none.
            ZoneUnavailable: nobody answered in time.

        """
        ...

    async def cancel(self, frame: pb.GatewayFrame) -> None:
        """Tell executors that an operation is cancelled; a hint.

        Raises:
            ZoneUnavailable: nats-server is away.

        """
        ...

    async def incarnation(self) -> str:
        """Incarnation of the bucket in which executors claim operations; empty when there is none.

        Raises:
            ZoneUnavailable: it cannot be told now.

        """
        ...


class TunnelZone(Protocol):
    """The executors of the zone, as the near end of tunnels."""

    @property
    def id(self) -> str:
        """Of this bridge: under it executors answer."""
        ...

    async def find_executor(self, account: str) -> str:
        """The id of an executor that would carry an exchange.

        Raises:
            NoExecutor: none serves the account, or none has room.
            ZoneUnavailable: nobody answered in time.

        """
        ...

    async def send(self, executor: str, frame: pb.GatewayFrame) -> None:
        """Send a frame to one executor. Frames arrive in their order; some may be lost with a connection.

        Raises:
            ZoneUnavailable: it was certainly not sent.

        """
        ...

    async def renew(self, executor: str, frame: pb.GatewayFrame) -> None:
        """Send a lease and wait for its answer.

        Raises:
            NoExecutor: the executor is gone.
            ZoneUnavailable: it did not answer in time.

        """
        ...


class CleanBatch(Protocol):
    """A batch taken from the clean log, not yet acknowledged. The methods fail silently: the log delivers it again."""

    @property
    def data(self) -> bytes:
        """The envelope."""
        ...

    @property
    def sequence(self) -> int:
        """Its number in the log."""
        ...

    @property
    def traceparent(self) -> str:
        """Trace of a sampled event in it, empty for none."""
        ...

    async def commit(self) -> None:
        """The gateway has it: the log may forget it."""
        ...

    async def release(self) -> None:
        """Give it back: the log delivers it again at once."""
        ...

    async def extend(self) -> None:
        """Say that it is still being worked on."""
        ...


class LogDepth(NamedTuple):
    """How much the clean log holds."""

    pending: int
    """Batches that were not handed out yet."""
    unsettled: int
    """Batches that were handed out and not acknowledged."""
    size_bytes: int
    limit_bytes: int
    """Where it takes no more."""


class CleanLog(Protocol):
    """The clean log as its only reader sees it."""

    async def prepare(self) -> None:
        """Make sure that the log and its consumer are there.

        Raises:
            CleanLogMissing: that cannot be done now.

        """
        ...

    async def take(self, within_s: float) -> CleanBatch | None:
        """Wait for the next batch; None when there is none within the time.

        Raises:
            CleanLogMissing: call `prepare`.

        """
        ...

    async def depth(self) -> LogDepth:
        """Ask how much it holds.

        Raises:
            CleanLogMissing: nobody knows now.

        """
        ...

    async def close(self) -> None:
        """Take nothing more; never fails."""
        ...
