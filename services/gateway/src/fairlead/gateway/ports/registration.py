"""What registration and removal of accounts need: Clouddriver and Fiat on one side, the database on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from fairlead.gateway.core.registration.definition import Definition
from fairlead.gateway.core.registration.grace import Presence
from fairlead.gateway.core.registration.lifecycle import Candidate, Record, Wanted


class Clouddriver(Protocol):
    """Clouddriver's account API.

    Every method may raise `ClouddriverUnreachable` (no answer), `ClouddriverFailed` (its fault) or `ClouddriverRefused`
    (its decision); their texts hold no credentials.
    """

    async def definitions(self, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Read the stored definitions of Kubernetes accounts, those of these names that there are."""
        ...

    async def loaded(self, name: str) -> bool:
        """Whether an account of this name, of any provider and from any source, is loaded."""
        ...

    async def put(self, definition: Definition) -> None:
        """Create or replace a definition."""
        ...

    async def delete(self, name: str) -> bool:
        """Remove a stored definition; tells whether there was one."""
        ...


class Fiat(Protocol):
    """Fiat, which learns of accounts by itself only every ten minutes."""

    async def sync_roles(self, roles: Sequence[str]) -> None:
        """Let it work out anew what users of these roles may do; raises as `Clouddriver` does."""
        ...


class Duties(Protocol):
    """Work that one gateway at a time does for all of them. May raise `DatabaseUnavailable`."""

    async def hold(self, duty: str, holder: str, for_s: float) -> bool:
        """Take a duty, or keep it, for so long; tells whether it is ours."""
        ...

    async def let_go(self, duty: str, holder: str) -> None:
        """Leave a duty to the others at once."""
        ...


class RegistrationStore(Protocol):
    """Registrations in the database; every method may raise `DatabaseUnavailable`."""

    async def candidates(self) -> list[Candidate]:
        """Every account, and every registration whose account is gone, by name."""
        ...

    async def save(self, account: str, record: Record, *, wanted: Wanted, pause_s: float = 0.0) -> bool:
        """Remember how a registration stands, to be looked at again in so long, unless something else is wanted by now.

        ``wanted``, ``adopt`` and ``by`` of the record are left as they are, but ``adopt`` ends with a successful put.
        """
        ...


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration as people see it."""

    account: str
    record: Record
    next: datetime | None = None
    """When it is tried again, while it is not settled."""
    missing_s: float = 0.0
    """Seconds of the grace period that have run; 0 while an agent serves it."""


class RegistrationDesk(Protocol):
    """What people ask; may raise `DatabaseUnavailable`, and `UnknownAccount` where an account is named."""

    async def read(self) -> list[Registration]:
        """Every account's registration, by name."""
        ...

    async def find(self, account: str) -> Registration:
        """One of them."""
        ...

    async def register(self, account: str, *, adopt: bool, by: str) -> Registration:
        """Register an account (again), and at once; ``adopt``: also over an account of others."""
        ...

    async def unregister(self, account: str, *, by: str) -> Registration:
        """Take an account out of Clouddriver, and keep it out."""
        ...

    async def remove(self, account: str, *, by: str) -> Registration:
        """Give an account up: out of Clouddriver, then its rows go.

        Raises:
            AccountServed: an agent serves it; it would be back at once.

        """
        ...


@dataclass(frozen=True, slots=True)
class Presences:
    """The accounts in agent mode, and when they were looked at last."""

    accounts: list[Presence]
    ticked: datetime | None


class RemovalStore(Protocol):
    """What removal needs of the database; every method may raise `DatabaseUnavailable`."""

    async def presences(self) -> Presences:
        """Look which accounts in agent mode are served."""
        ...

    async def count(self, counted: Mapping[str, float], ticked: datetime) -> None:
        """Remember what was counted, and that somebody looked."""
        ...

    async def give_up(self, accounts: Sequence[str], *, by: str) -> list[str]:
        """Decide that accounts are to be removed; those that were decided about before, or are served by now, are left out."""
        ...

    async def take_back(self) -> list[str]:
        """Call off removals of accounts that are served again; returns their names."""
        ...

    async def leaving(self, *, registered_too: bool) -> list[str]:
        """Accounts whose rows may go: nothing of ours is left of them in Clouddriver, or there is none (``registered_too``)."""
        ...

    async def remove(self, account: str) -> bool:
        """Remove an account as a whole, in one transaction; False when an agent came meanwhile."""
        ...

    async def purge(self, limit: int) -> int:
        """Delete so many objects of removed accounts, at most; returns how many."""
        ...
