"""A tunnel to a server that answers as a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.scripted_api import kubeconfig_of
from tests.support.streaming_api import StreamingApi
from tests.support.tunnel_way import Way, standing

from fairlead.cli.parts.nats_server import NatsServer


@pytest.fixture
async def api() -> AsyncIterator[StreamingApi]:
    """The far end."""
    async with StreamingApi() as api:
        yield api


@pytest.fixture
def kubeconfig(api: StreamingApi, tmp_path: Path) -> Path:
    """The way to it."""
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig_of(api.url))
    return file


@pytest.fixture
async def way(nats_server: NatsServer, kubeconfig: Path) -> AsyncIterator[Way]:
    """One bridge, one executor."""
    async with standing(nats_server.url, kubeconfig) as way:
        yield way
