"""What a cluster serves and which version it runs, as the gateway is told: once for each state, and anew to a new link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from fairlead.runtime import logfields
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger
from fairlead.watcher.errors import AccountRefused, GatewayUnavailable
from fairlead.watcher.ports import Gateway

log = get_logger()


@dataclass
class Documents:
    """The documents of one account by the paths at which its API server gave them; see `Catalogue`."""

    account: str
    gateway: Gateway
    _told: dict[str, bytes] = field(default_factory=dict)

    async def tell(self, documents: Mapping[str, bytes]) -> None:
        """Hand over what the gateway has not got; what it does not take is told at the next look."""
        for path, content in documents.items():
            digest = sha256(content).digest()
            if not content or self._told.get(path) == digest:
                continue
            try:
                await self.gateway.send_document(self.account, path, content)
            except (GatewayUnavailable, AccountRefused) as error:
                log.warning("a document of the cluster could not be handed over", **{
                    logfields.ACCOUNT: self.account, logfields.ERROR: chain(error)})  # fmt: skip
            else:
                self._told[path] = digest

    def forget(self) -> None:
        """The gateway may have lost what it was told, or be another one."""
        self._told.clear()
