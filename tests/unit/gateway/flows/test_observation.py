"""The flow over the mirror: patience with the database, and batches that it cannot hold."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.support.mirror_data import ACCOUNT, CLAIM, PODS, batch, key, part, request, source, upsert
from tests.support.mirror_store import MemoryMirror

from fairlead.contracts.envelope import Batch
from fairlead.gateway.core.commits import Committed
from fairlead.gateway.core.sessions import CloseReason
from fairlead.gateway.errors import BatchRefused, DatabaseUnavailable
from fairlead.gateway.flows.observation import Observation, Patience


class Moody(MemoryMirror):
    """A mirror whose database goes away around commits, and refuses objects that are named so."""

    def __init__(self) -> None:
        super().__init__()
        self.away = 0
        self.forget_answers = 0

    async def commit(self, batches: Sequence[Batch]) -> Committed:
        """Commit, or be away: before it, or before the answer."""
        if self.away:
            self.away -= 1
            raise DatabaseUnavailable("away")
        if any(event.key.name == "refused" for one in batches for each in one.parts for event in each.events):
            raise BatchRefused("no")
        committed = await super().commit(batches)
        if self.forget_answers:
            self.forget_answers -= 1
            raise DatabaseUnavailable("the connection broke during the commit")
        return committed


@pytest.fixture
async def store() -> Moody:
    """A store with the account of the tests."""
    store = Moody()
    await store.claim_account(CLAIM, zone="zone", agent="agent")
    return store


def observation(store: Moody, patience: Patience | None = None) -> Observation:
    """The flow over one store for all ports."""
    return Observation(store, store, store, patience=patience)


async def test_a_commit_is_made_again_when_the_database_was_away(store: Moody) -> None:
    """Also when only the answer was lost: part numbers make it harmless."""
    flow = observation(store)
    opened = await flow.open_session(request())
    store.away, store.forget_answers = 2, 1
    committed = await flow.commit([batch(source(opened), [part(1, upsert("web", 5), checkpoint=5)])])
    assert (committed.closed, committed.counts.duplicate) == ({}, 1)
    stored = await flow.object(ACCOUNT, PODS, key("web"))
    assert stored is not None
    assert stored.version == 5
    assert await flow.object(ACCOUNT, PODS, key("other")) is None


async def test_patience_ends(store: Moody) -> None:
    """The caller is told, and nothing stands."""
    flow = observation(store, Patience(call_s=0.0, commit_s=0.0))
    opened = await flow.open_session(request())
    store.away = 10**6
    with pytest.raises(DatabaseUnavailable):
        await flow.commit([batch(source(opened), [part(1, upsert("web", 5))])])


async def test_a_refused_batch_closes_its_sessions_and_no_others(store: Moody) -> None:
    """The other batches of the transaction are committed; the reflectors of the refused one list again."""
    flow = observation(store)
    fine = await flow.open_session(request(namespace="fine"))
    bad = await flow.open_session(request(namespace="bad"))
    committed = await flow.commit(
        [
            batch(source(fine, namespace="fine"), [part(1, upsert("web", 5))]),
            batch(source(bad, namespace="bad"), [part(1, upsert("refused", 5))]),
            batch(source(fine, namespace="fine"), [part(2, upsert("api", 6))]),
        ]
    )
    assert committed.closed == {bad.session: CloseReason.REFUSED}
    assert {view.namespace: (view.rows, view.writing) for view in await flow.resources(ACCOUNT)} == {
        "fine": (2, True),
        "bad": (0, False),
    }


async def test_sessions_closed_by_people_are_given_back(store: Moody) -> None:
    """So that the link can tell the watchers at once."""
    flow = observation(store)
    opened = await flow.open_session(request())
    assert await flow.relist(ACCOUNT) == {opened.session: CloseReason.RELIST}
    opened = await flow.open_session(request())
    assert await flow.close_all_sessions() == {opened.session: CloseReason.RESTORED}
