"""What the REST door asks of the gateway, put together by the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fairlead.gateway.core.sessions import CloseReason
from fairlead.gateway.ports.links import LinkDirectory
from fairlead.gateway.ports.mirror import MirrorReader
from fairlead.gateway.ports.operations import OperationDesk
from fairlead.gateway.ports.registration import RegistrationDesk
from fairlead.gateway.ports.tokens import TokenDesk
from fairlead.gateway.ports.writes import WriteHistory


class MirrorDesk(MirrorReader, Protocol):
    """What the mirror holds, and whose cluster an account means."""

    async def accept_cluster(self, account: str) -> dict[str, CloseReason]:
        """Give an account to the cluster that was refused last; returns the sessions closed by it.

        Raises:
            UnknownAccount: there is no such account, or no refusal.

        """
        ...


@dataclass(frozen=True, slots=True)
class RestDesk:
    """Everything behind the door."""

    operations: OperationDesk
    mirror: MirrorDesk
    tokens: TokenDesk
    links: LinkDirectory
    not_ready: Callable[[], dict[str, str]]
    """What is missing for readiness, by condition."""
    writes: WriteHistory
    registrations: RegistrationDesk
    gateway: str
    """Which gateway this is."""
    facade_url: str = ""
    """How clients of the facade reach the gateway; empty: as the caller did."""
