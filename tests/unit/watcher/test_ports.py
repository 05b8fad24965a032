"""How a cluster is identified in envelopes."""

from __future__ import annotations

from fairlead.watcher.ports import ClusterInfo


def test_the_uid_identifies_a_cluster_and_host_with_ca_where_it_may_not_be_read() -> None:
    """An account limited to namespaces may not read kube-system; host and CA stand in then."""
    assert ClusterInfo("uid", "host:443", "ca", "v1", "user").identity == "uid"
    assert ClusterInfo("", "host:443", "ca", "v1", "user").identity == "host:443/ca"
