"""Accounts of the mirror in memory."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from tests.support.mirror_tables import Tables, close_all

from fairlead.gateway.core.claims import (
    GRANTED,
    AccountClaim,
    ClaimOutcome,
    ClusterIdentity,
    merge_identity,
    refuse_other_cluster,
    retires,
    same_cluster,
)
from fairlead.gateway.core.facade.cursors import NONCE_LIMIT
from fairlead.gateway.core.sessions import CloseReason
from fairlead.gateway.core.states import ResourceState
from fairlead.gateway.core.views import (
    AccountView,
    Refusal,
)
from fairlead.gateway.errors import UnknownAccount


class MemoryAccounts:
    """`AccountStore` over tables in memory."""

    # The port documents these methods.
    # ruff: noqa: D102

    tables: Tables
    _clock: Callable[[], datetime]

    async def claim_account(self, claim: AccountClaim, *, zone: str, agent: str) -> ClaimOutcome:
        stored = self.tables.accounts.get(claim.name)
        if stored is not None and not same_cluster(stored.cluster, claim.cluster):
            refusal = Refusal(claim.cluster, zone, agent, self._clock())
            self.tables.accounts[claim.name] = replace(stored, refusal=refusal)
            return refuse_other_cluster(claim.name, stored.cluster, claim.cluster)
        cluster = merge_identity(stored.cluster, claim.cluster) if stored else claim.cluster
        refused = stored.refusal if stored else None
        scope = claim.server_version, claim.namespaces, claim.read_roles, claim.write_roles
        account = AccountView(
            claim.name, cluster, claim.mode, zone, agent, *scope, self._clock(), refused, claim.execute_roles
        )
        self.tables.accounts[claim.name] = account
        self.tables.changes.setdefault(claim.name, 0)
        self.tables.floors.setdefault(claim.name, 0)
        self.tables.nonces.setdefault(claim.name, secrets.randbelow(NONCE_LIMIT))
        for key, held in list(self.tables.reflectors.items()):
            namespaced = held.resource.namespaced
            if held.account == claim.name and retires(
                claim.namespaces, namespaced=namespaced, namespace=held.namespace
            ):
                del self.tables.reflectors[key]
                self._expire(claim.name)
        return GRANTED

    async def accept_cluster(self, account: str) -> dict[str, CloseReason]:
        stored = self.tables.accounts.get(account)
        if stored is None or stored.refusal is None:
            raise UnknownAccount(f"there is no account {account!r} that a second cluster claims")
        accepted: ClusterIdentity = stored.refusal.cluster
        self.tables.accounts[account] = replace(
            stored, cluster=accepted, zone=stored.refusal.zone, agent=stored.refusal.agent, refusal=None
        )
        self._expire(account)
        mine = [held for held in self.tables.reflectors.values() if held.account == account]
        closed = close_all(mine, CloseReason.SUPERSEDED)
        for held in mine:
            held.outlive()
            held.rows, held.added, held.tombstones = {}, {}, {}
            held.state, held.since, held.message = ResourceState.LISTING, self._clock(), ""
            held.sessions.checkpoint, held.sessions.highest, held.sessions.wants_epoch = None, None, True
        return closed

    def _expire(self, account: str) -> None:
        """No change cursor of before is good any more."""
        self.tables.changes[account] += 1
        self.tables.floors[account] = self.tables.changes[account]
