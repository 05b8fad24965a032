"""Documents in PostgreSQL, as agents send them and readers find them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from tests.support.mirror_data import ACCOUNT, CLAIM

from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.documents import PostgresDocuments
from fairlead.gateway.adapters.postgres.links import PostgresLinks
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.ports.documents import DISCOVERY, OPENAPI, VERSION_PATH, DocumentState

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def opened(database: str) -> AsyncIterator[Database]:
    """A database with the schema."""
    await prepare_schema(database)
    async with Database(database, size=2) as found:
        yield found


@pytest.fixture
def shelf(opened: Database) -> PostgresDocuments:
    """The shelf in it."""
    return PostgresDocuments(opened)


async def test_what_an_agent_sends_is_found(shelf: PostgresDocuments, opened: Database) -> None:
    """Each document of an account by its path; a new state takes the place of the former one."""
    agent = PostgresLinks(opened)
    await agent.put_document(ACCOUNT, DISCOVERY, "", "one", b"document")
    await agent.put_document(ACCOUNT, DISCOVERY, VERSION_PATH, "v", b"version")
    first = await shelf.state(ACCOUNT, DISCOVERY)
    await agent.put_document(ACCOUNT, DISCOVERY, "", "two", b"newer")
    second = await shelf.state(ACCOUNT, DISCOVERY)

    assert first is not None
    assert second is not None
    assert (first.sha256, second.sha256) == ("one", "two")
    assert second.stored > first.stored
    assert await shelf.content(ACCOUNT, DISCOVERY, "", "two") == b"newer"
    assert await shelf.content(ACCOUNT, DISCOVERY, "", "one") is None
    assert await shelf.content(ACCOUNT, DISCOVERY, VERSION_PATH, "v") == b"version"
    assert await shelf.state("other", DISCOVERY) is None
    assert await shelf.states([ACCOUNT, "other"], DISCOVERY) == {ACCOUNT: second}


async def test_what_is_kept_keeps_its_headers(shelf: PostgresDocuments) -> None:
    """And takes the place of what was kept before."""
    for number in range(2):
        state = DocumentState(f"hash-{number}", NOW, {"etag": f'"{number}"'})
        await shelf.keep(ACCOUNT, OPENAPI, "/openapi/v2 application/json", state, b"%d" % number)
    found = await shelf.state(ACCOUNT, OPENAPI, "/openapi/v2 application/json")

    assert found is not None
    assert (found.sha256, found.headers) == ("hash-1", {"etag": '"1"'})


async def test_what_is_not_served_any_more_goes(shelf: PostgresDocuments) -> None:
    """In one account and kind alone."""
    for account in (ACCOUNT, "other"):
        for path in ("/openapi/v3/a json", "/openapi/v3/a protobuf", "/openapi/v3/b json"):
            await shelf.keep(account, OPENAPI, path, DocumentState("hash", NOW), b"")
        await shelf.keep(account, DISCOVERY, "", DocumentState("hash", NOW), b"")
    await shelf.prune(ACCOUNT, OPENAPI, ["/openapi/v3/a"])
    left = [
        (account, path)
        for account in (ACCOUNT, "other")
        for path in ("/openapi/v3/a json", "/openapi/v3/a protobuf", "/openapi/v3/b json")
        if await shelf.state(account, OPENAPI, path)
    ]

    assert (ACCOUNT, "/openapi/v3/b json") not in left
    assert len(left) == 5
    assert await shelf.state(ACCOUNT, DISCOVERY)


async def test_accounts_are_known_once_claimed(shelf: PostgresDocuments, opened: Database) -> None:
    """By whichever agent, and for as long as they are not removed."""
    assert not await shelf.knows(ACCOUNT)
    await PostgresAccounts(opened).claim_account(CLAIM, zone="zone", agent="agent")

    assert await shelf.knows(ACCOUNT)
