"""Whose cluster an account names, run over the twin in memory and over PostgreSQL."""

from __future__ import annotations

import pytest
from tests.support.mirror_data import (
    ACCOUNT,
    CLAIM,
    CLUSTER,
    OTHER_CLUSTER,
    PODS,
    batch,
    part,
    request,
    source,
    upsert,
)
from tests.support.mirror_writer import Mirror, Writer, rows

from fairlead.gateway.core.claims import AccountClaim, ClaimReason, ClusterIdentity
from fairlead.gateway.core.sessions import CloseReason
from fairlead.gateway.core.views import ObjectQuery
from fairlead.gateway.errors import AccountRefused, UnknownAccount


async def test_a_name_belongs_to_its_first_cluster_until_somebody_decides(mirror: Mirror) -> None:
    """A second cluster is refused visibly, again and again; accepting it drops the first one's rows."""
    writer = await Writer.open(mirror)
    await writer.send(upsert("web", 10), checkpoint=10)
    second = AccountClaim(ACCOUNT, OTHER_CLUSTER)
    for _ in range(2):
        outcome = await mirror.claim_account(second, zone="other", agent="agent-1")
        assert (outcome.granted, outcome.reason) == (False, ClaimReason.OTHER_CLUSTER)
        assert "fairlead accounts accept" in outcome.message
    (account,) = await mirror.accounts()
    assert (account.cluster, account.zone) == (CLUSTER, "zone")
    assert account.refusal is not None
    assert (account.refusal.cluster, account.refusal.zone) == (OTHER_CLUSTER, "other")
    with pytest.raises(AccountRefused):
        await mirror.open_session(request(cluster=OTHER_CLUSTER))
    assert await mirror.accept_cluster(ACCOUNT) == {writer.opened.session: CloseReason.SUPERSEDED}
    assert (await mirror.claim_account(second, zone="other", agent="agent-1")).granted
    assert not (await mirror.claim_account(CLAIM, zone="zone", agent="agent-0")).granted
    opened = await mirror.open_session(request(cluster=OTHER_CLUSTER))
    assert (opened.epoch, opened.checkpoint, opened.rows, await rows(mirror)) == (2, None, 0, {})
    with pytest.raises(UnknownAccount):
        await mirror.accept_cluster("nobody")


async def test_a_cluster_is_known_by_host_and_ca_when_its_uid_may_not_be_read(mirror: Mirror) -> None:
    """An agent that lost or gained the right to read the UID is still at the same cluster; the UID is kept."""
    blind = AccountClaim(ACCOUNT, ClusterIdentity("", CLUSTER.server, CLUSTER.ca_fingerprint), server_version="v1.31.2")
    assert (await mirror.claim_account(blind, zone="zone", agent="agent-0")).granted
    moved = AccountClaim(ACCOUNT, ClusterIdentity(CLUSTER.uid, "new-name:6443", "ca-9"))
    assert (await mirror.claim_account(moved, zone="zone", agent="agent-0")).granted
    (account,) = await mirror.accounts()
    assert (account.cluster.uid, account.cluster.server) == (CLUSTER.uid, "new-name:6443")


async def test_claims_carry_what_accounts_say_of_themselves(mirror: Mirror) -> None:
    """Mode, version, namespaces and roles are stored as claimed last."""
    claim = AccountClaim(
        ACCOUNT, CLUSTER, "infrastructure", "v1.30.1", ("shop",), ("readers",), ("writers", "admins"), ("runners",)
    )
    await mirror.claim_account(claim, zone="zone-b", agent="agent-7")
    (account,) = await mirror.accounts()
    assert (account.mode, account.server_version, account.namespaces) == ("infrastructure", "v1.30.1", ("shop",))
    assert (account.read_roles, account.write_roles) == (("readers",), ("writers", "admins"))
    assert account.execute_roles == ("runners",)
    assert (account.zone, account.agent) == ("zone-b", "agent-7")


async def test_namespaces_that_an_account_no_longer_has_are_forgotten(mirror: Mirror) -> None:
    """Reflectors of other namespaces go with their rows; those that stay are left alone."""
    for namespace in ("shop", "bank"):
        opened = await mirror.open_session(request(namespace=namespace))
        origin = source(opened, namespace=namespace)
        await mirror.commit([batch(origin, [part(1, upsert("web", 5, namespace=namespace))])])
    page = await mirror.objects(ObjectQuery(ACCOUNT, PODS))
    assert [row.key.namespace for row in page.objects] == ["bank", "shop"]
    limited = await mirror.objects(ObjectQuery(ACCOUNT, PODS, limit=1, after=page.objects[0].key))
    assert [row.key.namespace for row in limited.objects] == ["shop"]
    await mirror.claim_account(AccountClaim(ACCOUNT, CLUSTER, namespaces=("shop",)), zone="zone", agent="agent-0")
    assert [view.namespace for view in await mirror.resources(ACCOUNT)] == ["shop"]
    page = await mirror.objects(ObjectQuery(ACCOUNT, PODS))
    assert [row.key.namespace for row in page.objects] == ["shop"]


async def test_sessions_need_a_claimed_account(mirror: Mirror) -> None:
    """Unknown accounts have no sessions, rows or changes."""
    unknown = request().__class__("nobody", CLUSTER, PODS, "", "all")
    with pytest.raises(UnknownAccount):
        await mirror.open_session(unknown)
    with pytest.raises(UnknownAccount):
        await mirror.resources("nobody")
    with pytest.raises(UnknownAccount):
        await mirror.objects(ObjectQuery("nobody", PODS))
    with pytest.raises(UnknownAccount):
        await mirror.changes("nobody", PODS, after=0, limit=1)
