"""Whose cluster an account name means."""

from __future__ import annotations

import pytest

from fairlead.gateway.core.claims import ClusterIdentity, merge_identity, refuse_other_cluster, retires, same_cluster

KNOWN = ClusterIdentity("uid-1", "api:6443", "ca")


@pytest.mark.parametrize(
    ("claimed", "same"),
    [
        (ClusterIdentity("uid-1", "elsewhere:6443", "new-ca"), True),
        (ClusterIdentity("uid-2", "api:6443", "ca"), False),
        (ClusterIdentity("", "api:6443", "ca"), True),
        (ClusterIdentity("", "api:6443", "other-ca"), False),
        (ClusterIdentity("", "other:6443", "ca"), False),
    ],
)
def test_the_uid_decides_where_both_know_it_else_host_and_ca(claimed: ClusterIdentity, *, same: bool) -> None:
    """An identity is compared by the strongest thing that both sides know, in either direction."""
    assert same_cluster(KNOWN, claimed) is same
    assert same_cluster(claimed, KNOWN) is same


def test_a_uid_is_never_lost() -> None:
    """The newest address is kept, and the UID even when the agent may no longer read it."""
    assert merge_identity(KNOWN, ClusterIdentity("", "new:6443", "ca")) == ClusterIdentity("uid-1", "new:6443", "ca")


def test_a_refusal_names_both_clusters_and_the_way_out() -> None:
    """Whoever reads it knows what to do."""
    message = refuse_other_cluster("prod", KNOWN, ClusterIdentity("", "x:1", "0123456789abcdef0123")).message
    assert "uid-1" in message
    assert "x:1 (CA 0123456789abcdef)" in message
    assert "fairlead accounts accept prod" in message


def test_reflectors_retire_with_their_namespaces() -> None:
    """Those of cluster-scoped resources never do."""
    assert retires((), namespaced=True, namespace="shop")
    assert not retires((), namespaced=True, namespace="")
    assert retires(("shop",), namespaced=True, namespace="")
    assert retires(("shop",), namespaced=True, namespace="bank")
    assert not retires(("shop",), namespaced=True, namespace="shop")
    assert not retires(("shop",), namespaced=False, namespace="")
