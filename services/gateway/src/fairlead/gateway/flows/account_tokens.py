"""Tokens of the facade that stand in definitions: made from the gateway's key, so that each gateway makes the same one.

They are rows among the other tokens, by their digests, and can be listed and revoked like them. A revoked one is followed by
the next generation, and so by a new definition.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace

from fairlead.gateway.core.keyring import Keyring
from fairlead.gateway.core.registration.lifecycle import Record
from fairlead.gateway.core.tokens import PREFIX, Grant, Kind, Verb, digest
from fairlead.gateway.errors import SealBroken, TokenExists
from fairlead.gateway.ports.tokens import TokenStore

BY = "registration"
GENERATIONS = 1000
"""So many revoked tokens of one account, and something else is wrong."""


@dataclass
class AccountTokens:
    """Makes the token of an account, the same again and again until it is revoked or its key is gone."""

    store: TokenStore
    keyring: Keyring
    _valid: frozenset[bytes] = frozenset()

    async def refresh(self) -> None:
        """Look which tokens are good."""
        self._valid = frozenset(grant.digest for grant in await self.store.grants())

    async def token_for(self, account: str, record: Record) -> tuple[str, Record]:
        """The token of an account, and the registration that remembers how it was made.

        Raises:
            ValueError: the account can have none; says why.

        """
        if "*" in account or "?" in account:
            raise ValueError(
                f"the account name {account!r} is a pattern where tokens are granted: it would open others too"
            )
        for generation in range(record.token_generation, record.token_generation + GENERATIONS):
            key, token = self._make(account, generation, record.token_key)
            if digest(token) in self._valid or await self._created(account, generation, token):
                return token, replace(record, token_key=key, token_generation=generation)
        raise ValueError(f"{GENERATIONS} tokens of the account {account!r} in a row were revoked")

    async def _created(self, account: str, generation: int, token: str) -> bool:
        """Make the token known; False when its name was used up: by a revoked token, or under a key that is gone."""
        name = f"clouddriver.{account}.{generation}"
        grant = Grant(name, Kind.FACADE, (account,), frozenset({Verb.READ, Verb.WRITE}), digest(token))
        try:
            await self.store.create(grant, created_by=BY)
        except TokenExists:
            await self.refresh()
        else:
            self._valid |= {grant.digest}
        return grant.digest in self._valid

    def _make(self, account: str, generation: int, key: str) -> tuple[str, str]:
        plain = f"token of the facade for Clouddriver\n{account}\n{generation}".encode()
        try:
            made_with, bits = self.keyring.fingerprint(plain, key)
        except SealBroken:
            made_with, bits = self.keyring.fingerprint(plain)
        return made_with, PREFIX + base64.urlsafe_b64encode(bits).decode().rstrip("=")
