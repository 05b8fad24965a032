"""The one-process agent: another composition of the same services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fairlead.cli.agent import Settings, build
from fairlead.runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one configuration file."""
    path = tmp_path / "fairlead.yaml"
    path.write_text("kubernetes: {accounts: [{name: shop, serviceAccount: true}]}\n")
    monkeypatch.setenv("FAIRLEAD_CONFIG", str(path))
    return path


@pytest.mark.usefixtures("configuration")
def test_all_four_services_start_bridge_first() -> None:
    """So that they stop the other way round: whoever feeds the others stops before them."""
    assert [service.name for service in build(Settings())] == ["bridge", "executor", "scrubber", "watcher"]


@pytest.mark.usefixtures("configuration")
def test_each_service_has_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the watcher's is the watcher's alone, and named."""
    monkeypatch.setenv("FAIRLEAD_WATCHER__WATCHER__RETRY_BASE_SECONDS", "-1")

    with pytest.raises(ConfigurationError, match="retryBaseSeconds"):
        build(Settings())


def test_the_faults_of_all_services_are_told_once(configuration: Path) -> None:
    """One run tells them all; what several services read is told once."""
    configuration.write_text(
        "kubernetes: {requestTimeoutSeconds: -1}\nscrubbing: {batchesUnderWay: 0}\nclouddriver: {grpc: nowhere}\n"
    )
    with pytest.raises(ConfigurationError) as caught:
        build(Settings())

    told = "\n".join(caught.value.problems)
    assert all(key in told for key in ("requestTimeoutSeconds", "batchesUnderWay", "clouddriver.grpc"))
    assert len(set(caught.value.problems)) == len(caught.value.problems)
