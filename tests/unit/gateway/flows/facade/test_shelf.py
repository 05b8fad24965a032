"""Documents while the database is away."""

from __future__ import annotations

import pytest
from tests.support.facade_doubles import ACCOUNT, STORED, MemoryShelf

from fairlead.gateway.errors import DatabaseUnavailable
from fairlead.gateway.flows.facade.shelf import LastKnown
from fairlead.gateway.ports.documents import DISCOVERY, DocumentState


async def test_the_last_known_state_serves_while_the_database_is_away() -> None:
    """And no longer: what changed meanwhile is seen as soon as it is back."""
    shelf = MemoryShelf()
    shelf.put(DISCOVERY, b"one")
    subject = LastKnown(shelf, lambda: False)
    known = await subject.state(ACCOUNT, DISCOVERY)
    shelf.put(DISCOVERY, b"two")
    shelf.outage.away = True
    assert await subject.state(ACCOUNT, DISCOVERY) == known
    with pytest.raises(DatabaseUnavailable):
        await subject.state(ACCOUNT, DISCOVERY, "/version")
    shelf.outage.away = False
    now = await subject.state(ACCOUNT, DISCOVERY)

    assert now is not None
    assert now != known


async def test_what_is_gone_is_forgotten() -> None:
    """An outage does not bring it back."""
    shelf = MemoryShelf()
    shelf.put(DISCOVERY, b"one")
    subject = LastKnown(shelf, lambda: False)
    await subject.state(ACCOUNT, DISCOVERY)
    shelf.documents.clear()
    assert await subject.state(ACCOUNT, DISCOVERY) is None
    shelf.outage.away = True

    with pytest.raises(DatabaseUnavailable):
        await subject.state(ACCOUNT, DISCOVERY)


async def test_the_rest_is_the_shelfs() -> None:
    """Contents and accounts are looked up where they are."""
    subject = LastKnown(MemoryShelf(), lambda: False)
    await subject.keep(ACCOUNT, "openapi", "/a json", DocumentState("hash", STORED), b"content")
    assert await subject.content(ACCOUNT, "openapi", "/a json", "hash") == b"content"
    await subject.prune(ACCOUNT, "openapi", ["/b"])

    assert await subject.content(ACCOUNT, "openapi", "/a json", "hash") is None
    assert await subject.knows(ACCOUNT)
    assert not await subject.knows("other")


async def test_nobody_waits_for_a_database_that_is_known_to_be_away() -> None:
    """What is known serves at once; what is not has to be asked for all the same."""
    shelf, away = MemoryShelf(), [False]
    shelf.put(DISCOVERY, b"one")
    subject = LastKnown(shelf, lambda: away[0])
    known = await subject.state(ACCOUNT, DISCOVERY)
    shelf.put(DISCOVERY, b"two")
    away[0] = True
    assert await subject.state(ACCOUNT, DISCOVERY) == known
    assert await subject.state(ACCOUNT, DISCOVERY, "/version") is None
