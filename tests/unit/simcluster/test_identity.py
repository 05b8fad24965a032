"""What stays of a cluster when its process ends."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fairlead.simcluster import SimCluster
from fairlead.simcluster.identity import VERSION_BUMP, kept_identity
from fairlead.simcluster.store import CompactedError


def uid_of(cluster: SimCluster) -> str:
    """Which cluster this is, to its clients."""
    found = cluster.get("namespaces", "kube-system")
    assert found is not None
    return str(found["metadata"]["uid"])


def test_a_kept_cluster_is_the_same_one(tmp_path: Path) -> None:
    """UID, authority and token stay, so that a kubeconfig that was handed out goes on working."""
    file = tmp_path / "identity"
    first, second = (SimCluster(identity=kept_identity(file)) for _ in range(2))

    assert uid_of(first) == uid_of(second)
    assert first.kubeconfig() == second.kubeconfig()


def test_its_versions_never_run_backwards(tmp_path: Path) -> None:
    """Each start is far above the one before, and remembers nothing of it."""
    first, second, third = (SimCluster(identity=kept_identity(tmp_path / "identity")) for _ in range(3))

    assert first.version + VERSION_BUMP // 2 < second.version < third.version - VERSION_BUMP // 2
    with pytest.raises(CompactedError):
        second.state.store.table("pods").sequence_after(first.version)
    with pytest.raises(CompactedError):
        second.state.store.table("namespaces").snapshot(first.version)


def test_clusters_without_a_file_are_strangers() -> None:
    """And so are their authorities."""
    one, other = SimCluster(), SimCluster()

    assert uid_of(one) != uid_of(other)
    assert one.ca_certificate != other.ca_certificate


def test_the_file_is_private(tmp_path: Path) -> None:
    """It holds a key; it is replaced as a whole, and nothing else stays."""
    for _ in range(2):
        kept_identity(tmp_path / "identity")

    assert [path.name for path in tmp_path.iterdir()] == ["identity"]
    assert stat.S_IMODE((tmp_path / "identity").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{}", '{"uid": "a", "certificate": "b", "key": "c", "admin_token": "d"}'])
def test_a_broken_file_is_refused(content: str, tmp_path: Path) -> None:
    """It is never replaced by another cluster in silence."""
    file = tmp_path / "identity"
    file.write_text(content)

    with pytest.raises(ValueError):  # noqa: PT011 - three parsers, each with words of its own
        kept_identity(file)
