"""A running gateway for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.gateway import RESENDING, Authorities, RunningGateway, running_gateway


@pytest.fixture
def authorities(tmp_path: Path) -> Authorities:
    """Certificates of the test's own."""
    return Authorities(tmp_path)


@pytest.fixture
async def gateway(database: str, authorities: Authorities) -> AsyncIterator[RunningGateway]:
    """A gateway that is ready."""
    async with running_gateway(database, authorities) as started:
        yield started


@pytest.fixture
async def resending(database: str, authorities: Authorities) -> AsyncIterator[RunningGateway]:
    """A gateway that is ready, and soon sends operations again of which it hears nothing."""
    async with running_gateway(database, authorities, operations=RESENDING) as started:
        yield started
