"""Runs services inside a test, as a process would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from fairlead.runtime.lifecycle import Scope, Service

_STOP_S = 5.0


@asynccontextmanager
async def running(*services: Service) -> AsyncIterator[list[Scope]]:
    """Start services in this event loop; when the context ends they are stopped in order, and a failure is raised."""
    scopes: list[Scope] = []
    try:
        for service in services:
            scope = Scope(service.name)
            scopes.append(scope)
            await service.start(scope)
            scope.mark_started()
        yield scopes
    finally:
        left = [name for scope in reversed(scopes) for name in await scope.close(_STOP_S)]
    for scope in scopes:
        scope.raise_failure()
    assert not left, f"left behind: {left}"


async def eventually(question: Callable[[], bool], *, within_s: float = 20.0, what: str = "the expected state") -> None:
    """Wait until a question is answered with yes."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    while not question():
        assert loop.time() < until, f"{what} did not come within {within_s:g} s"
        await asyncio.sleep(0.01)


def ready(scopes: Sequence[Scope]) -> bool:
    """Whether all services are ready."""
    return not any(scope.not_ready() for scope in scopes)
