"""Reading one cluster through fairlead.kube, with its errors turned into the watcher's."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from random import uniform
from sys import intern

from fairlead.contracts.identity import ObjectKey
from fairlead.kube import errors as kube
from fairlead.kube.credentials import Credentials, from_kubeconfig, from_service_account
from fairlead.kube.discovery import discover
from fairlead.kube.lists import list_pages
from fairlead.kube.objects import prepare
from fairlead.kube.resolution import resolve_kind
from fairlead.kube.session import KubeSession, Limits
from fairlead.kube.watches import METADATA_OBJECT, WatchEvent, refuses_initial_events, watch
from fairlead.kube.whoami import cluster_identity, server_version, who_am_i
from fairlead.runtime import metrics
from fairlead.runtime.errors import ConfigurationError
from fairlead.watcher.core.scope import Selection
from fairlead.watcher.core.session import Observed
from fairlead.watcher.errors import (
    AccessRefused,
    ClusterUnavailable,
    ResourceGone,
    StreamingListUnsupported,
    VersionForgotten,
)
from fairlead.watcher.ports import Catalogue, ClusterInfo, Item, Page, Seen

WATCH_TIMEOUT_S = (300.0, 600.0)
"""A watch is asked to end at a random time in between, so that watches do not end together (client-go, ``reflector.go``)."""
VERSION_PATH = "/version"


class KubernetesCluster:
    """One cluster as an account's credentials show it."""

    def __init__(self, session: KubeSession, page_size: int) -> None:
        self.streams_lists = True
        self.session = session
        self._page_size = page_size

    async def describe(self) -> ClusterInfo:
        """Ask who the cluster is and who we are."""
        with _meanings():
            user = await who_am_i(self.session)
            version = await server_version(self.session)
            identity = await cluster_identity(self.session)
        return ClusterInfo(
            identity.uid, self.session.credentials.host, self.session.credentials.ca_fingerprint, version, user.name
        )

    async def discover(self, kinds: tuple[str, ...]) -> Catalogue:
        """Find the resources behind kinds, each under its preferred version."""
        with _meanings():
            discovery = await discover(self.session)
            version = (await self.session.request("GET", VERSION_PATH)).body
        found = {kind: resolve_kind(discovery, kind) for kind in kinds}
        missing = tuple(kind for kind, resource in found.items() if resource is None)
        watchable = tuple(each.resource for each in found.values() if each is not None and each.watchable)
        documents = {"": discovery.document, VERSION_PATH: version}
        return Catalogue(watchable, missing, documents, discovery.failed_groups)

    async def version(self, selection: Selection) -> int:
        """Read the current version by a consistent list of one object's metadata."""
        with _meanings():
            pages = list_pages(
                self.session, selection.resource, namespace=selection.namespace, limit=1, metadata_only=True
            )
            async with aclosing(pages):
                async for page in pages:
                    return page.version
        raise ClusterUnavailable("the API server answered an empty list without a version")

    async def pages(self, selection: Selection, at_least: int | None) -> AsyncIterator[Page]:
        """List whole objects page by page."""
        pages = list_pages(
            self.session, selection.resource, namespace=selection.namespace, limit=self._page_size,
            resource_version=None if at_least is None else str(at_least),
            resource_version_match=None if at_least is None else "NotOlderThan",
            label_selector=selection.label_selector, metadata_only=selection.metadata_only,
        )  # fmt: skip
        with _meanings():
            async with aclosing(pages):
                async for page in pages:
                    yield Page(page.version, [_observed(selection, item, 0) for item in page.items])

    async def names(self, selection: Selection) -> AsyncIterator[Page]:
        """List identities page by page."""
        pages = list_pages(
            self.session, selection.resource, namespace=selection.namespace, limit=4 * self._page_size,
            label_selector=selection.label_selector, metadata_only=True,
        )  # fmt: skip
        with _meanings():
            async with aclosing(pages):
                async for page in pages:
                    yield Page(page.version, [_observed(selection, item, 0) for item in page.items])

    async def watch(
        self, selection: Selection, version: int | None, *, initial: bool
    ) -> AsyncGenerator[list[Item], None]:
        """Watch from a version, or stream a list."""
        events = watch(
            self.session, selection.resource, namespace=selection.namespace,
            resource_version="" if version is None else str(version), label_selector=selection.label_selector,
            metadata_only=selection.metadata_only, initial_events=initial, timeout_s=uniform(*WATCH_TIMEOUT_S),  # noqa: S311 - spreads load
        )  # fmt: skip
        with _meanings():
            try:
                async with aclosing(events):
                    async for batch in events:
                        now_ms = 0 if initial else time.time_ns() // 1_000_000
                        yield [_item(selection, event, now_ms) for event in batch]
            except kube.ApiError as error:
                if not initial or not refuses_initial_events(error):
                    raise
                self.streams_lists = False
                raise StreamingListUnsupported("the API server cannot stream lists") from error

    async def get(self, selection: Selection, key: ObjectKey) -> Observed | None:
        """Read one object."""
        headers = {"Accept": METADATA_OBJECT} if selection.metadata_only else None
        with _meanings():
            try:
                answer = await self.session.request("GET", selection.resource.path(*key), headers=headers)
                return _observed(selection, answer.body, 0)
            except kube.NotFound:
                return None


@asynccontextmanager
async def connect(
    account: str, credentials: Credentials, *, request_timeout_s: float, page_size: int
) -> AsyncIterator[KubernetesCluster]:
    """Open the connections to a cluster for as long as the context lasts."""

    def measure(verb: str, code: int, seconds: float) -> None:
        metrics.API_REQUESTS.labels(account, verb, str(code)).observe(seconds)

    limits = Limits(request_timeout_s=request_timeout_s)
    async with KubeSession(credentials, limits=limits, on_request=measure) as session:
        yield KubernetesCluster(session, page_size)


async def credentials(*, kubeconfig: Path | str | None, context: str, insecure: bool, no_proxy: bool) -> Credentials:
    """Read credentials from a kubeconfig (file or contents), or from the pod's service account.

    Raises:
        ConfigurationError: they cannot be used; the message says what to change.

    """
    try:
        if kubeconfig is None:
            return await from_service_account(insecure=insecure, no_proxy=no_proxy)
        return await from_kubeconfig(kubeconfig, context=context or None, insecure=insecure, no_proxy=no_proxy)
    except kube.CredentialsError as error:
        found_in = {type(None): "serviceAccount", str: "kubeconfigContents"}.get(type(kubeconfig), "kubeconfigFile")
        raise ConfigurationError(f"kubernetes.accounts[].{found_in}: {error}") from error


def _observed(selection: Selection, raw: bytes, now_ms: int) -> Observed:
    prepared = prepare(raw, selection.resource)
    identity = prepared.identity
    key = ObjectKey(intern(identity.namespace), identity.name)
    return Observed(key, identity.uid, identity.version, now_ms, prepared.body)


def _item(selection: Selection, event: WatchEvent, now_ms: int) -> Item:
    if event.type == "BOOKMARK":
        return Item(Seen.LIST_END if event.initial_events_end else Seen.BOOKMARK, event.version, None)
    state = _observed(selection, event.object, now_ms)
    return Item(Seen.DELETED if event.type == "DELETED" else Seen.CHANGED, state.version, state)


@contextmanager
def _meanings() -> Iterator[None]:
    """Turn errors of the Kubernetes library into conditions of the watcher."""
    try:
        yield
    except kube.Gone as error:
        raise VersionForgotten("the API server has forgotten the version") from error
    except (kube.Forbidden, kube.Unauthorized, kube.CredentialsError) as error:
        raise AccessRefused(str(error)) from error
    except kube.NotFound as error:
        raise ResourceGone("the API server does not serve this kind") from error
    except kube.ApiError as error:
        raise ClusterUnavailable("the API server failed", retry_after_s=error.retry_after_s) from error
    except kube.KubeError as error:
        raise ClusterUnavailable("no usable answer from the API server") from error
