"""Counting in a real database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.support.mirror_data import PODS, part, upsert

from fairlead.contracts.envelope import Batch, Source
from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.census import PostgresCensus
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.adapters.postgres.sessions import mark_stale
from fairlead.gateway.core.claims import AccountClaim, ClusterIdentity
from fairlead.gateway.core.sessions import OpenRequest

CLUSTER = ClusterIdentity("uid-1", "10.0.0.1:6443", "ca")
OPERATION = """
    insert into operations (id, account, kind, state, caller, subject, fenced, traceparent, fingerprint_key, fingerprint,
        request_key, request, deadline_at)
    values (%s, 'limited', 'apply', %s, 'c', '{}', false, '', '', '', '', '', now() + interval '1 minute')
"""


async def watch(database: Database, account: str, namespace: str) -> None:
    """Open a session and commit one pod with a checkpoint."""
    mirror = PostgresMirror(database)
    opened = await mirror.open_session(OpenRequest(account, CLUSTER, PODS, namespace, "all"))
    source = Source(account, CLUSTER.uid, PODS, namespace, opened.session, opened.epoch)
    await mirror.commit([Batch([source], [part(1, upsert(f"{namespace}-pod", 7), checkpoint=7)])])


@pytest.mark.parametrize("lost", [False, True])
async def test_lag_and_states(database: str, *, lost: bool) -> None:
    """The longest lag of a resource's namespaces counts; rows of a lost agent are stale whatever it said last."""
    await prepare_schema(database)
    async with Database(database, size=2) as opened:
        await PostgresAccounts(opened).claim_account(AccountClaim("limited", CLUSTER, "agent"), zone="z", agent="a")
        await watch(opened, "limited", "one")
        await watch(opened, "limited", "two")
        async with opened.transaction() as connection:
            await connection.execute(
                "update resources set checkpoint_at = now() - interval '90 s', state = 'live' where namespace = 'two'"
            )
        if lost:
            async with opened.transaction() as connection:
                await mark_stale(connection, ["limited"], datetime.now(UTC), "lost")
        counted = await PostgresCensus(opened).count()

    assert list(counted.lags) == [("limited", "pods")]
    assert 90 <= counted.lags["limited", "pods"] < 120
    expected = {("limited", "stale"): 2} if lost else {("limited", "listing"): 1, ("limited", "live"): 1}
    assert counted.resources == expected


async def test_a_kind_that_is_gone_lags_behind_nothing(database: str) -> None:
    """What the cluster does not serve any more is counted, and its age tells nothing."""
    await prepare_schema(database)
    async with Database(database, size=2) as opened:
        await PostgresAccounts(opened).claim_account(AccountClaim("limited", CLUSTER, "agent"), zone="z", agent="a")
        await watch(opened, "limited", "one")
        async with opened.transaction() as connection:
            await connection.execute("update resources set state = 'gone'")
        counted = await PostgresCensus(opened).count()

    assert not counted.lags
    assert counted.resources == {("limited", "gone"): 1}


async def test_operations_that_have_not_ended(database: str) -> None:
    """Every open state is told, at 0 as well; those that have ended are not counted."""
    await prepare_schema(database)
    async with Database(database, size=2) as opened:
        async with opened.transaction() as connection:
            for number, state in enumerate(("pending", "pending", "sent", "succeeded")):
                await connection.execute(OPERATION, [str(number), state])
        counted = await PostgresCensus(opened).count()

    assert counted.operations == {("pending",): 2, ("sent",): 1, ("claimed",): 0}
    assert not counted.lags
