"""Which resource a kind is in one cluster: from its discovery, and live where that does not know better."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable

from fairlead.contracts.identity import Resource
from fairlead.executor.errors import NoKindMatch
from fairlead.kube.discovery import Discovery, discover, read_group_version
from fairlead.kube.errors import ApiError
from fairlead.kube.resolution import resolve_kind, resolve_type
from fairlead.kube.session import KubeSession

DISCOVERY_PAUSE_S = 1.0
"""A kind that is not known is not looked for more often than that."""
CANDIDATES_MAX = 8


class Kinds:
    """The kinds of one cluster. What was found is remembered; that something was not found never is."""

    def __init__(self, session: Callable[[], Awaitable[KubeSession]]) -> None:
        self._session = session
        self._discovery: Discovery | None = None
        self._discovered_s = 0.0
        self._lock = asyncio.Lock()

    def forget(self) -> None:
        """Ask the cluster anew the next time."""
        self._discovery = None

    async def resolve(self, api_version: str, kind: str) -> Resource:
        """Find a kind.

        With a version the manifest's own words count; without one it may be a kind, plural, singular or short name,
        alone or with its group (``Kind.group``), and means the version that the cluster prefers. A group version that
        discovery could not read is asked for by itself.

        Raises:
            NoKindMatch: the cluster has none.
            KubeError: it cannot be asked.

        """
        known = self._discovery
        found = _find(known, api_version, kind) if known else None
        if found is not None:
            return found
        discovery = await self._rediscover(known)
        found = _find(discovery, api_version, kind) or await self._live(discovery, api_version, kind)
        if found is None:
            raise NoKindMatch(_no_match(discovery, api_version, kind))
        return found

    async def _live(self, discovery: Discovery, api_version: str, kind: str) -> Resource | None:
        if not api_version or api_version.rpartition("/")[0] not in discovery.failed_groups:
            return None
        try:
            served = await read_group_version(await self._session(), api_version)
        except ApiError as error:
            if error.code == 404:
                return None
            raise
        return next((each.resource for each in served if each.resource.kind == kind), None)

    async def _rediscover(self, known: Discovery | None) -> Discovery:
        """Read discovery anew, unless another operation did while this one waited, or it was just read."""
        session = await self._session()
        async with self._lock:
            now_s = asyncio.get_running_loop().time()
            current = self._discovery
            if current is not None and (current is not known or now_s - self._discovered_s < DISCOVERY_PAUSE_S):
                return current
            self._discovery = await discover(session)
            self._discovered_s = now_s
            return self._discovery


def _find(discovery: Discovery, api_version: str, kind: str) -> Resource | None:
    found = resolve_type(discovery, api_version, kind) if api_version else resolve_kind(discovery, kind)
    return None if found is None else found.resource


def _no_match(discovery: Discovery, api_version: str, kind: str) -> str:
    """Say what the cluster has instead, and which groups could not be asked."""
    served = {f"{each.resource.api_version} {each.resource.kind}": each.resource.kind for each in discovery.resources}
    short = kind.partition(".")[0].lower()
    near = [name for name, found in served.items() if found.lower() == short]
    if not near:
        close = set(difflib.get_close_matches(short, [found.lower() for found in served.values()], n=3))
        near = [name for name, found in served.items() if found.lower() in close]
    message = f"the cluster serves no {' '.join(filter(None, (api_version, kind)))}"
    if near:
        message += f"; it has {', '.join(near[:CANDIDATES_MAX])}"
    if discovery.failed_groups:
        message += f"; these API groups could not be asked: {', '.join(sorted(discovery.failed_groups))}"
    return message
