"""A scripted API server and a session with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.scripted_api import ScriptedApi, kubeconfig_of

from fairlead.kube.credentials import from_kubeconfig
from fairlead.kube.session import KubeSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def api() -> AsyncIterator[ScriptedApi]:
    """A scripted API server over plain http."""
    async with ScriptedApi() as server:
        yield server


@pytest.fixture
async def session(api: ScriptedApi) -> AsyncIterator[KubeSession]:
    """A session with the scripted API server, authenticated by a static token."""
    credentials = await from_kubeconfig(kubeconfig_of(api.url), no_proxy=True)
    async with KubeSession(credentials) as kube:
        yield kube
