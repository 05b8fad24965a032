"""Reading side of the mirror in memory."""

from __future__ import annotations

from dataclasses import replace

from tests.support.mirror_tables import Held, Tables, bytewise

from fairlead.contracts.identity import Resource
from fairlead.gateway.core.selectors import selects
from fairlead.gateway.core.states import effective
from fairlead.gateway.core.views import (
    AccountView,
    Changes,
    Deletion,
    ObjectPage,
    ObjectQuery,
    ResourceView,
    StoredObject,
)
from fairlead.gateway.errors import CursorExpired, UnknownAccount


class MemoryReader:
    """`MirrorReader` over tables in memory."""

    # The port documents these methods.
    # ruff: noqa: D102

    tables: Tables

    async def accounts(self) -> list[AccountView]:
        return [account for _, account in sorted(self.tables.accounts.items())]

    async def resources(self, account: str, *, counted: bool = True) -> list[ResourceView]:
        self._account(account)
        return [
            _resource(held, counted=counted)
            for key, held in sorted(self.tables.reflectors.items())
            if key[0] == account
        ]

    async def objects(self, query: ObjectQuery) -> ObjectPage:
        self._account(query.account)
        found = [
            row
            for held in self._of(query.account, query.resource)
            for row in held.rows.values()
            if query.namespace in (None, row.key.namespace)
            and query.name in (None, row.key.name)
            and (query.after is None or bytewise(row.key) > bytewise(query.after))
            and selects(query.labels, row.labels)
        ]
        found.sort(key=lambda row: bytewise(row.key))
        page = found[: query.limit]
        bodies = page if query.bodies else [replace(row, body=b"") for row in page]
        return ObjectPage(bodies, len(found) > query.limit, self.tables.changes[query.account])

    async def changes(self, account: str, resource: Resource, *, after: int, limit: int) -> Changes:
        self._account(account)
        if not self.tables.floors[account] <= after <= self.tables.changes[account]:
            raise CursorExpired("deletions behind this cursor are forgotten already; list again")
        found: list[StoredObject | Deletion] = []
        for held in self._of(account, resource):
            found += [row for row in held.rows.values() if row.change > after]
            found += [
                Deletion(key, dead.uid, dead.version, dead.change, dead.labels)
                for key, dead in held.tombstones.items()
                if dead.change > after
            ]
        found.sort(key=lambda change: change.change)
        if len(found) > limit:
            return Changes(found[:limit], found[limit - 1].change, more=True)
        return Changes(found, self.tables.changes[account], more=False)

    def _account(self, name: str) -> AccountView:
        if name not in self.tables.accounts:
            raise UnknownAccount(f"there is no account {name!r}")
        return self.tables.accounts[name]

    def _of(self, account: str, resource: Resource) -> list[Held]:
        wanted = account, resource.group, resource.plural
        return [held for key, held in sorted(self.tables.reflectors.items()) if key[:3] == wanted]


def _resource(held: Held, *, counted: bool) -> ResourceView:
    state = held.sessions
    shown = effective(held.state, lost=held.lost is not None)
    since, message = held.lost if held.lost and shown is not held.state else (held.since, held.message)
    return ResourceView(
        account=held.account,
        resource=held.resource,
        namespace=held.namespace,
        state=shown,
        since=since,
        message=message,
        epoch=state.epoch,
        checkpoint=state.checkpoint,
        confirmed=held.confirmed,
        heard=held.heard,
        writing=state.session is not None,
        rows=len(held.rows) if counted else None,
    )
