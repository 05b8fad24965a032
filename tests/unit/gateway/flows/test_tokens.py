"""Tokens in memory, refreshed from the database."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from tests.support.gateway_doubles import MemoryTokens

from fairlead.gateway.core.tokens import Grant, Kind, digest
from fairlead.gateway.errors import DatabaseUnavailable, TokenExists
from fairlead.gateway.flows import tokens as module
from fairlead.gateway.flows.tokens import Tokens

FIXED = Grant("fixed", Kind.AGENT, ("*",), digest=digest("fixed-token"))
NAMED = Grant("named", Kind.AGENT, ("*",), certificate="agent-*")
WANTED = Grant("new", Kind.API, ("shop",))


async def test_tokens_of_settings_and_database() -> None:
    """Both are found; a certificate's grant is found by name and not by any token."""
    tokens = Tokens(MemoryTokens(), [FIXED, NAMED])
    _, text = await tokens.create(WANTED, by="admin")
    assert await tokens.by_token("fixed-token", Kind.AGENT) == FIXED
    found = await tokens.by_token(text, Kind.API)
    assert found is not None
    assert found.name == "new"
    assert tokens.by_certificate(("agent-1",)) == NAMED
    assert tokens.holds(NAMED)
    assert await tokens.by_token("", Kind.AGENT) is None
    with pytest.raises(TokenExists):
        await tokens.create(replace(WANTED, name="fixed"), by="admin")


async def test_revocation_changes_what_holds() -> None:
    """A revoked token's grant holds no longer, and whoever wants to know is told."""
    told: list[str] = []
    tokens = Tokens(MemoryTokens(), [FIXED], lambda: told.append("changed"))
    _, text = await tokens.create(WANTED, by="admin")
    grant = await tokens.by_token(text, Kind.API)
    assert grant is not None
    told.clear()
    assert await tokens.revoke("new")
    assert not tokens.holds(grant)
    assert tokens.holds(FIXED)
    assert told == ["changed"]
    assert not await tokens.revoke("new")


async def test_an_outage_changes_nothing() -> None:
    """While the database is away the last known tokens hold; expiry is known without it."""
    store = MemoryTokens()
    tokens = Tokens(store, [])
    _, text = await tokens.create(replace(WANTED, expires=datetime.now(UTC) + timedelta(hours=1)), by="admin")
    store.outage.away = True
    await tokens.refresh()
    grant = await tokens.by_token(text, Kind.API)
    assert grant is not None
    assert tokens.holds(grant)
    assert not tokens.holds(replace(grant, expires=datetime.now(UTC)))


async def test_a_token_that_cannot_be_looked_up_is_no_stranger() -> None:
    """It may have been made elsewhere a second ago, or this gateway has just started: that is temporary, and no refusal."""
    store = MemoryTokens()
    store.outage.away = True
    tokens = Tokens(store, [FIXED])
    await tokens.refresh()
    assert await tokens.by_token("fixed-token", Kind.AGENT) == FIXED
    with pytest.raises(DatabaseUnavailable):
        await tokens.by_token("unknown", Kind.FACADE)
    store.outage.away = False
    await tokens.refresh()
    assert await tokens.by_token("unknown", Kind.FACADE) is None


async def test_strangers_share_a_slow_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd that comes while the database is slow asks once more, not once each."""
    monkeypatch.setattr(module, "MISS_PAUSE_S", 0.0)
    store, go = MemoryTokens(), asyncio.Event()
    look = store.grants

    async def slowly() -> list[Grant]:
        found = await look()
        await go.wait()
        return found

    monkeypatch.setattr(store, "grants", slowly)
    tokens = Tokens(store, [])
    async with asyncio.TaskGroup() as group:
        crowd = [group.create_task(tokens.by_token(f"guess-{number}", Kind.API)) for number in range(50)]
        await asyncio.sleep(0.01)
        crowd += [group.create_task(tokens.by_token(f"more-{number}", Kind.API)) for number in range(50)]
        await asyncio.sleep(0.01)
        go.set()
    assert {task.result() for task in crowd} == {None}
    assert store.asked <= 2


async def test_strangers_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many unknown tokens do not mean as many questions; one after the other, they wait until the next one is allowed."""
    monkeypatch.setattr(module, "MISS_PAUSE_S", 0.5)
    store, looks = MemoryTokens(), list[float]()
    look = store.grants

    async def noted() -> list[Grant]:
        looks.append(time.monotonic())
        return await look()

    monkeypatch.setattr(store, "grants", noted)
    tokens = Tokens(store, [])
    async with asyncio.TaskGroup() as group:
        crowd = [group.create_task(tokens.by_token(f"guess-{number}", Kind.API)) for number in range(100)]
    assert {task.result() for task in crowd} == {None}
    assert len(looks) == 1
    for number in range(3):
        assert await tokens.by_token(f"more-{number}", Kind.API) is None
    assert all(later - earlier > 0.25 for earlier, later in pairwise(looks))


async def test_a_token_made_elsewhere_is_good_at_once() -> None:
    """Also where the tokens were looked up a moment before."""
    store = MemoryTokens()
    here, there = Tokens(store, []), Tokens(store, [])
    await there.refresh()
    _, text = await here.create(WANTED, by="admin")
    assert await there.by_token(text, Kind.API) == store.stored["new"]


async def test_a_token_made_during_a_look_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the look read is older than the token, and ends nothing that the token opened."""
    store, read, go = MemoryTokens(), asyncio.Event(), asyncio.Event()
    look = store.grants

    async def slowly() -> list[Grant]:
        found = await look()
        read.set()
        await go.wait()
        return found

    monkeypatch.setattr(store, "grants", slowly)
    tokens = Tokens(store, [])
    async with asyncio.TaskGroup() as group:
        group.create_task(tokens.refresh())
        await read.wait()
        group.create_task(tokens.create(WANTED, by="admin"))
        await asyncio.sleep(0)  # it goes as far as it gets
        go.set()
    assert tokens.holds(store.stored["new"])
