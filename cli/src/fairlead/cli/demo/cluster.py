"""The cluster that the demo looks at, asked directly: the truth that the mirror is held against."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fairlead.cli.errors import CommandError
from fairlead.contracts.identity import Resource
from fairlead.kube.credentials import from_kubeconfig
from fairlead.kube.errors import KubeError, NotFound
from fairlead.kube.lists import list_pages
from fairlead.kube.session import KubeSession

T = TypeVar("T")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
GONE_TIMEOUT_S = 60.0
_POLL_S = 0.25
_AT_ONCE = 16


@dataclass(frozen=True)
class Cluster:
    """One cluster by its kubeconfig; ``limited`` tells that it is a real one, of which only ``namespace`` is ours."""

    kubeconfig: Path
    context: str
    namespace: str
    limited: bool = False

    def server(self) -> str:
        """Address of its API, without asking it."""

        async def read(session: KubeSession) -> str:
            return session.credentials.server

        return self._run(read)

    def count(self, resources: Iterable[Resource]) -> dict[str, int]:
        """How many objects there are of each resource now, by its short name; bodies are not asked for."""

        async def count(session: KubeSession) -> dict[str, int]:
            return {resource.name: await _count(session, resource, self._scope(resource)) for resource in resources}

        return self._run(count)

    def create_namespace(self) -> None:
        """Make the demo's own namespace."""
        self.create([(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})])

    def remove_namespace(self) -> None:
        """Remove the demo's own namespace and all in it, and wait until it is gone; one that is not there is fine."""

        async def remove(session: KubeSession) -> None:
            path = NAMESPACES.path(name=self.namespace)
            try:
                await session.request("DELETE", path)
                async with asyncio.timeout(GONE_TIMEOUT_S):
                    while True:
                        await session.request("GET", path)
                        await asyncio.sleep(_POLL_S)
            except NotFound:
                return
            except TimeoutError as error:
                raise CommandError(
                    f"namespace {self.namespace} is still being removed after {GONE_TIMEOUT_S:g} s: look at it with"
                    f" `kubectl --context {self.context} get namespace {self.namespace} -o yaml`"
                ) from error

        self._run(remove)

    def create(self, objects: Iterable[tuple[Resource, dict[str, Any]]]) -> None:
        """Create objects directly, past Fairlead; after the first that is refused no other is begun."""

        async def create(session: KubeSession) -> None:
            waiting, failed = iter(objects), list[KubeError]()

            async def work() -> None:
                for resource, manifest in waiting:
                    path = resource.path(self.namespace if resource.namespaced else "")
                    try:
                        await session.request("POST", path, body=json.dumps(manifest).encode())
                    except KubeError as error:
                        failed.append(error)
                    if failed:
                        return

            # Nobody is cancelled: the connection of a request that is given up ends later than its session (aiohttp).
            async with asyncio.TaskGroup() as workers:
                for _ in range(_AT_ONCE):
                    workers.create_task(work())
            if failed:
                raise failed[0]

        self._run(create)

    def _scope(self, resource: Resource) -> str:
        return self.namespace if self.limited and resource.namespaced else ""

    def _run(self, work: Callable[[KubeSession], Awaitable[T]]) -> T:
        async def run() -> T:
            credentials = await from_kubeconfig(
                self.kubeconfig, context=self.context or None, no_proxy=not self.limited
            )
            async with KubeSession(credentials) as session:
                return await work(session)

        try:
            return asyncio.run(run())
        except KubeError as error:
            raise CommandError(f"the cluster of {self.kubeconfig}: {error}") from error


async def _count(session: KubeSession, resource: Resource, namespace: str) -> int:
    total = 0
    async for page in list_pages(session, resource, namespace=namespace, metadata_only=True):
        total += len(page.items)
    return total
