"""Doubles of registration's ports: Clouddriver, Fiat and the database in memory."""

# ruff: noqa: D102 - the ports document their methods

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tests.support.gateway_doubles import MemoryTokens, Outage

from fairlead.gateway.core.registration.definition import Definition
from fairlead.gateway.core.registration.lifecycle import Candidate, Record, Wanted
from fairlead.gateway.core.tokens import Grant, TokenRecord
from fairlead.gateway.errors import TokenExists
from fairlead.gateway.ports.registration import Presences


@dataclass
class MemoryClouddriver:
    """`Clouddriver` and `Fiat` in memory; ``error`` is raised by every call, ``errors`` by calls about an account, or by one (`put shop`)."""

    store: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    """Accounts that are loaded and not in the store."""
    loads: bool = True
    error: Exception | None = None
    errors: dict[str, Exception] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    synced: list[list[str]] = field(default_factory=list)

    async def definitions(self, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        self._called("list", "")
        return {name: self.store[name] for name in names if name in self.store}

    async def loaded(self, name: str) -> bool:
        self._called("read", name)
        return name in self.others or (self.loads and name in self.store)

    async def put(self, definition: Definition) -> None:
        self._called("put", definition.account)
        self.store[definition.account] = json.loads(definition.body)

    async def delete(self, name: str) -> bool:
        self._called("delete", name)
        return self.store.pop(name, None) is not None

    async def sync_roles(self, roles: Sequence[str]) -> None:
        self._called("sync", "")
        self.synced.append(list(roles))

    def _called(self, call: str, account: str) -> None:
        self.calls.append(f"{call} {account}".strip())
        error = self.error or self.errors.get(account) or self.errors.get(f"{call} {account}")
        if error is not None:
            raise error


@dataclass
class MemoryRegistrations:
    """`RegistrationStore` in memory; what is saved with a pause is not due any more."""

    accounts: dict[str, Candidate] = field(default_factory=dict)
    pauses: dict[str, float] = field(default_factory=dict)
    saves: int = 0

    def add(self, candidate: Candidate) -> None:
        self.accounts[candidate.name] = candidate

    def want(self, name: str, wanted: Wanted) -> None:
        candidate = self.accounts[name]
        self.accounts[name] = replace(candidate, due=True, record=replace(candidate.record, wanted=wanted, digest=""))

    def wake(self) -> None:
        """Let every pause be over."""
        self.accounts = {name: replace(candidate, due=True) for name, candidate in self.accounts.items()}

    async def candidates(self) -> list[Candidate]:
        return sorted(self.accounts.values(), key=lambda candidate: candidate.name)

    async def save(self, account: str, record: Record, *, wanted: Wanted, pause_s: float = 0.0) -> bool:
        candidate = self.accounts[account]
        if candidate.record.wanted is not wanted:
            return False
        self.saves += 1
        self.pauses[account] = pause_s
        self.accounts[account] = replace(candidate, record=record, due=not pause_s)
        return True


@dataclass
class UniqueTokens(MemoryTokens):
    """`TokenStore` in memory, whose names are used up by revoked tokens."""

    names: set[str] = field(default_factory=set)

    async def create(self, grant: Grant, *, created_by: str) -> TokenRecord:
        if grant.name in self.names:
            raise TokenExists("taken")
        self.names.add(grant.name)
        return await super().create(grant, created_by=created_by)


@dataclass
class MemoryRemoval:
    """`RemovalStore` in memory: it answers what the test laid out, and remembers."""

    seen: Presences = field(default_factory=lambda: Presences([], None))
    counted: list[dict[str, float]] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    ready: list[str] = field(default_factory=list)
    served: set[str] = field(default_factory=set)
    removed: list[str] = field(default_factory=list)
    rows: int = 0
    asked_for_registered: list[bool] = field(default_factory=list)

    async def presences(self) -> Presences:
        return self.seen

    async def count(self, counted: Mapping[str, float], ticked: datetime) -> None:
        self.counted.append(dict(counted))
        self.seen = replace(self.seen, ticked=ticked)

    async def give_up(self, accounts: Sequence[str], *, by: str) -> list[str]:
        assert by
        self.given_up += accounts
        return list(accounts)

    async def take_back(self) -> list[str]:
        return self.back

    async def leaving(self, *, registered_too: bool) -> list[str]:
        self.asked_for_registered.append(registered_too)
        return self.ready

    async def remove(self, account: str) -> bool:
        if account in self.served:
            return False
        self.removed.append(account)
        return True

    async def purge(self, limit: int) -> int:
        purged = min(limit, self.rows)
        self.rows -= purged
        return purged


@dataclass
class MemoryDuties:
    """`Duties` in memory."""

    outage: Outage = field(default_factory=Outage)
    holders: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    async def hold(self, duty: str, holder: str, for_s: float) -> bool:
        assert for_s > 0
        self.asked += 1
        self.outage.check()
        return self.holders.setdefault(duty, holder) == holder

    async def let_go(self, duty: str, holder: str) -> None:
        self.outage.check()
        if self.holders.get(duty) == holder:
            del self.holders[duty]
