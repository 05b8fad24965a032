"""Where tokens are kept, and what the doors ask of them."""

from __future__ import annotations

from typing import Protocol

from fairlead.gateway.core.tokens import Grant, Kind, TokenRecord


class TokenStore(Protocol):
    """Tokens in the database, by the digests of them; every method may raise `DatabaseUnavailable`."""

    async def grants(self) -> list[Grant]:
        """What every token grants that is neither revoked nor expired."""
        ...

    async def create(self, grant: Grant, *, created_by: str) -> TokenRecord:
        """Store a new token.

        Raises:
            TokenExists: the name is taken, be it by a revoked token.

        """
        ...

    async def read(self) -> list[TokenRecord]:
        """Every token, revoked and expired ones too."""
        ...

    async def revoke(self, name: str) -> bool:
        """Revoke a token; tells whether there was one."""
        ...


class Doorkeeper(Protocol):
    """What the doors ask: who stands there."""

    async def by_token(self, token: str, kind: Kind) -> Grant | None:
        """Find what a token grants.

        Raises:
            DatabaseUnavailable: it is not among those that are known, and others cannot be looked up.

        """
        ...

    def by_certificate(self, names: tuple[str, ...]) -> Grant | None:
        """Find what a verified client certificate grants, by its common name and DNS names."""
        ...

    def holds(self, grant: Grant) -> bool:
        """Whether a grant that was found before is good still."""
        ...


class TokenDesk(Doorkeeper, Protocol):
    """What administrators ask."""

    async def create(self, wanted: Grant, *, by: str) -> tuple[TokenRecord, str]:
        """Make a token; the text of it is shown this once.

        Raises:
            TokenExists: the name is taken.

        """
        ...

    async def read(self) -> list[TokenRecord]:
        """Every token of the database."""
        ...

    async def revoke(self, name: str) -> bool:
        """Revoke a token; its connections end within seconds. Tells whether there was one."""
        ...
