"""OpenAPI documents are fetched ahead: for whom, when, and what a failure does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest
from tests.support.facade_doubles import ACCOUNT, MemoryShelf
from tests.support.services import eventually

from fairlead.gateway.core.facade.statuses import Refusal, login_refused
from fairlead.gateway.errors import DatabaseUnavailable, TunnelLost, TunnelUnavailable
from fairlead.gateway.flows.facade import schemas as module
from fairlead.gateway.flows.facade.openapi import OpenApiDocuments
from fairlead.gateway.flows.facade.schemas import AGAIN_S, SchemasAhead
from fairlead.gateway.ports.documents import DISCOVERY
from fairlead.gateway.ports.links import LinkRecord


@dataclass
class Documents:
    """What `SchemasAhead` needs of `OpenApiDocuments`."""

    held: list[str] = field(default_factory=list)
    error: Exception | None = None
    go: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0
    most: int = 0

    async def hold(self, account: str) -> None:
        """Hold an account's documents."""
        self.held.append(account)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.go.wait()
            if self.error is not None:
                raise self.error
        finally:
            self.under_way -= 1


@dataclass
class Links:
    """The connections of a gateway."""

    accounts: dict[str, str] = field(default_factory=dict)
    looks: int = 0
    """How often somebody asked for them."""

    def records(self) -> list[LinkRecord]:
        """One for each account."""
        self.looks += 1
        return [
            LinkRecord(link, "g", "agent", "zone", "agent", "1", "credential", accounts=(account,))
            for account, link in self.accounts.items()
        ]


class Ahead:
    """A subject with everything that it stands on."""

    def __init__(self) -> None:
        self.documents, self.shelf, self.links = Documents(), MemoryShelf(), Links({ACCOUNT: "first"})
        self.documents.go.set()
        self.shelf.put(DISCOVERY, b"one")
        self.time = 0.0
        subject = cast("OpenApiDocuments", self.documents)
        self.subject = SchemasAhead(subject, self.shelf, self.links, lambda: self.time)

    async def looked(self) -> list[str]:
        """The accounts that one more look fetches for."""
        self.documents.held.clear()
        await self.subject.look()
        return self.documents.held


async def test_documents_are_fetched_for_each_connection_and_each_state_of_discovery() -> None:
    """Once for each; an account whose discovery did not come yet has its turn later."""
    ahead = Ahead()
    ahead.links.accounts["silent"] = "second"
    assert await ahead.looked() == [ACCOUNT]
    assert await ahead.looked() == []
    ahead.shelf.put(DISCOVERY, b"two")
    assert await ahead.looked() == [ACCOUNT]
    for document in (b"three", b"two"):  # what came and went while nobody looked may have been fetched
        ahead.shelf.put(DISCOVERY, document)
    assert await ahead.looked() == [ACCOUNT]
    ahead.links.accounts[ACCOUNT] = "third"
    assert await ahead.looked() == [ACCOUNT]
    del ahead.links.accounts[ACCOUNT]
    assert await ahead.looked() == []
    ahead.links.accounts[ACCOUNT] = "third"
    assert await ahead.looked() == [ACCOUNT]


@pytest.mark.parametrize(
    "error",
    [
        TunnelUnavailable("away"),
        TunnelLost("broke"),
        Refusal(login_refused()),
        DatabaseUnavailable("away"),
        KeyError("?"),
    ],
)
async def test_a_failure_concerns_one_account_and_is_tried_again(error: Exception) -> None:
    """Not at once."""
    ahead = Ahead()
    ahead.documents.error = error
    assert await ahead.looked() == [ACCOUNT]
    assert await ahead.looked() == []
    ahead.time, ahead.documents.error = AGAIN_S, None
    assert await ahead.looked() == [ACCOUNT]
    assert await ahead.looked() == []


async def test_few_are_fetched_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many agents come back together; and one that hangs has its time."""
    monkeypatch.setattr(module, "WITHIN_S", 0.05)
    ahead = Ahead()
    ahead.documents.go.clear()
    for number in range(20):
        account = f"account-{number}"
        ahead.links.accounts[account] = "link"
        ahead.shelf.documents[account, DISCOVERY, ""] = ahead.shelf.documents[ACCOUNT, DISCOVERY, ""]
    assert len(await ahead.looked()) == 21
    assert ahead.documents.most == module.AT_ONCE


async def test_a_database_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task of the service goes on."""
    monkeypatch.setattr(module, "LOOK_S", 0.001)
    ahead = Ahead()
    ahead.shelf.outage.away = True
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        keeping = group.create_task(ahead.subject.keep())
        await eventually(lambda: ahead.links.looks > 1, what="a look after one that failed")
        assert ahead.documents.held == []
        ahead.shelf.outage.away = False
        await eventually(lambda: bool(ahead.documents.held), what="the next look")
        keeping.cancel()
