"""What the REST door asks of the gateway, put together by the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairlead.gateway.ports.links import LinkDirectory
from fairlead.gateway.ports.mirror import MirrorReader
from fairlead.gateway.ports.operations import OperationDesk
from fairlead.gateway.ports.tokens import TokenDesk


@dataclass(frozen=True, slots=True)
class RestDesk:
    """Everything behind the door."""

    operations: OperationDesk
    mirror: MirrorReader
    tokens: TokenDesk
    links: LinkDirectory
    not_ready: Callable[[], dict[str, str]]
    """What is missing for readiness, by condition."""
