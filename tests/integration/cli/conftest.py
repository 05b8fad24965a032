"""One whole stack on this machine, over a simulated cluster, for a test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.real_parts import require_part

from fairlead.cli.parts.errors import PartMissingError
from fairlead.cli.stack import AccountPlan, SimulatedCluster, Stack


@pytest.fixture
def directory() -> Iterator[Path]:
    """A folder that PostgreSQL's user can enter."""
    directory = Path(tempfile.mkdtemp(prefix="fairlead-stack-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def cluster(directory: Path) -> Iterator[SimulatedCluster]:
    """A simulated cluster with the shop in it, at rest."""
    with SimulatedCluster(directory / "cluster", churn_s=3600) as cluster:
        yield cluster


@pytest.fixture
def new_stack(directory: Path, cluster: SimulatedCluster) -> Iterator[Callable[..., Stack]]:
    """Makes one stack over the cluster, which ends with the test."""
    stacks: list[Stack] = []

    def make(**settings: object) -> Stack:
        plan = AccountPlan("shop", cluster.kubeconfig, options={"noProxy": True})
        try:
            stacks.append(Stack(directory / "stack", [plan], **settings))  # type: ignore[arg-type]
        except PartMissingError as error:
            require_part("nats-server and PostgreSQL", str(error))
        return stacks[-1]

    yield make
    for stack in stacks:
        stack.stop_all()
