"""What observation needs of a store: the mirror's writing side, its accounts and its reading side.

Every method may raise `DatabaseUnavailable`: then nothing of it stands, or, when the connection broke during a commit, it
may stand and the same call can be made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from fairlead.contracts.envelope import Batch
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.core.claims import AccountClaim, ClaimOutcome
from fairlead.gateway.core.commits import Committed
from fairlead.gateway.core.inventory import StoredVersion
from fairlead.gateway.core.sessions import CloseReason, Opened, OpenRequest
from fairlead.gateway.core.states import StateReport
from fairlead.gateway.core.views import AccountView, Changes, ObjectPage, ObjectQuery, ResourceView


class MirrorStore(Protocol):
    """The writing side. Each method is one transaction."""

    async def open_session(self, request: OpenRequest) -> Opened:
        """Make a fresh session the only writer of a reflector.

        Raises:
            UnknownAccount: nobody claimed the account.
            AccountRefused: the account belongs to another cluster.

        """
        ...

    async def stored_versions(
        self, session: str, after: ObjectKey | None, *, limit: int
    ) -> tuple[list[StoredVersion], bool]:
        """Page through rows, and tombstones of the session's epoch, ordered bytewise; tells whether it was the last page.

        Raises:
            SessionClosed: the session is not current.

        """
        ...

    async def commit(self, batches: Sequence[Batch]) -> Committed:
        """Apply the parts of several batches in their order, all or nothing.

        Raises:
            BatchRefused: the database cannot hold something in them.

        """
        ...

    async def close_gaps(self, accounts: Sequence[str], *, older_than_s: float) -> dict[str, CloseReason]:
        """Close sessions whose numbers have had a hole for so long."""
        ...

    async def close_sessions(
        self, reason: CloseReason, *, sessions: Sequence[str] | None = None
    ) -> dict[str, CloseReason]:
        """Close these sessions, or all of them (rule 13: a restored database); change cursors of before expire with all."""
        ...

    async def relist(self, account: str, *, new_epoch: bool) -> dict[str, CloseReason]:
        """Make every reflector of an account list again, in a new epoch when a person says that versions ran backwards.

        Raises:
            UnknownAccount: nobody claimed the account.

        """
        ...

    async def record_states(self, reports: Sequence[StateReport]) -> None:
        """Take over what watchers say; reports of unknown accounts are left out."""
        ...

    async def collect_garbage(self, now: datetime) -> int:
        """Drop tombstones that neither the guard nor readers need; returns how many."""
        ...


class AccountStore(Protocol):
    """Accounts and whose cluster they name."""

    async def claim_account(self, claim: AccountClaim, *, zone: str, agent: str) -> ClaimOutcome:
        """Bind an account to a cluster, or refuse: a name belongs to its first cluster until somebody decides."""
        ...

    async def accept_cluster(self, account: str) -> dict[str, CloseReason]:
        """Give an account to the cluster that was refused last; returns the sessions closed by it.

        Raises:
            UnknownAccount: there is no such account, or no refusal.

        """
        ...


class MirrorReader(Protocol):
    """The reading side."""

    async def accounts(self) -> list[AccountView]:
        """Every account, by name."""
        ...

    async def resources(self, account: str, *, counted: bool = True) -> list[ResourceView]:
        """Every reflector of an account, by resource and namespace. To count rows takes time; leave it where nobody asks.

        Raises:
            UnknownAccount: nobody claimed the account.

        """
        ...

    async def objects(self, query: ObjectQuery) -> ObjectPage:
        """Read objects.

        Raises:
            UnknownAccount: nobody claimed the account.

        """
        ...

    async def changes(self, account: str, resource: Resource, *, after: int, limit: int) -> Changes:
        """Read what changed behind a cursor.

        Raises:
            UnknownAccount: nobody claimed the account.
            CursorExpired: deletions behind the cursor are forgotten already; list again.

        """
        ...
