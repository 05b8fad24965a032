"""What the watcher's flows need from outside."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.contracts.scrubbing import ScrubReply
from fairlead.watcher.core.scope import Selection
from fairlead.watcher.core.session import Known, Observed, Opened


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """Who the cluster is, and who we are to it."""

    uid: str
    """Of namespace kube-system, empty where it may not be read."""
    server: str
    ca_fingerprint: str
    version: str
    user: str

    @property
    def identity(self) -> str:
        """The cluster's identity in envelopes."""
        return self.uid or f"{self.server}/{self.ca_fingerprint}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a cluster serves, for the kinds that were asked for."""

    resources: tuple[Resource, ...]
    missing: tuple[str, ...]
    """Kinds that the cluster does not serve now."""
    documents: Mapping[str, bytes]
    """What the gateway answers discovery from, by path: all that is served under ``""`` (`Discovery.document`), and the
    answer of ``/version``."""
    uncertain: frozenset[str] = frozenset()
    """Groups that could not be asked in full: what they lack here may exist, and they may prefer another version."""


class Page(NamedTuple):
    """One page of a list; all pages of a list show the same version."""

    version: int
    states: list[Observed]


class Seen(Enum):
    """What an item of a watch says."""

    CHANGED = "changed"
    DELETED = "deleted"
    BOOKMARK = "bookmark"
    LIST_END = "list end"
    """The initial events of a streaming list are complete, at this version."""


class Item(NamedTuple):
    """One line of a watch."""

    seen: Seen
    version: int
    state: Observed | None


class Cluster(Protocol):
    """Reads one cluster; errors are those of `fairlead.watcher.errors`."""

    streams_lists: bool
    """Whether `watch` may be asked for a streaming list; becomes False when the server turns out not to have it."""

    async def describe(self) -> ClusterInfo:
        """Ask who the cluster is and who we are."""

    async def discover(self, kinds: tuple[str, ...]) -> Catalogue:
        """Find the resources behind kinds."""

    async def version(self, selection: Selection) -> int:
        """Read the current version consistently."""

    def pages(self, selection: Selection, at_least: int | None) -> AsyncIterator[Page]:
        """List whole objects; consistently, or not older than a version."""

    def names(self, selection: Selection) -> AsyncIterator[Page]:
        """List identities and versions only."""

    def watch(self, selection: Selection, version: int | None, *, initial: bool) -> AsyncGenerator[list[Item], None]:
        """Watch on from a version; with ``initial`` a streaming list not older than it (consistent for None) comes first.

        Ends when the server ends it; close it when leaving early. Each element is what one read of the socket gave.
        """

    async def get(self, selection: Selection, key: ObjectKey) -> Observed | None:
        """Read one object, None when it does not exist."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the gateway is told about an account."""

    account: str
    cluster: ClusterInfo
    namespaces: tuple[str, ...]
    read_roles: tuple[str, ...]
    write_roles: tuple[str, ...]
    execute_roles: tuple[str, ...] = ()
    own_cluster: bool = False
    """Whether the agent stands in the cluster, with its own service account."""


class State(Enum):
    """State of a reflector, as readers of the mirror see it."""

    LISTING = "listing"
    LIVE = "live"
    STALE = "stale"
    REFUSED = "refused"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class ResourceState:
    """State of one reflector since a moment."""

    account: str
    resource: Resource
    namespace: str
    state: State
    since_ms: int
    message: str


class Gateway(Protocol):
    """The gateway, asked through the bridge; errors are those of `fairlead.watcher.errors`."""

    async def claim(self, claim: Claim) -> None:
        """Claim an account for this agent."""

    async def open(self, account: str, selection: Selection, scope: str, known_epoch: int, ended_epoch: int) -> Opened:
        """Open a session as the only writer of a resource."""

    def stored(self, session: str) -> AsyncIterator[dict[ObjectKey, Known]]:
        """Download what the gateway holds of the resource, page by page."""

    async def report(self, states: Iterable[ResourceState]) -> None:
        """Tell states of reflectors."""

    async def send_document(self, account: str, path: str, content: bytes) -> None:
        """Hand over one document of an account's discovery."""


class Scrubber(Protocol):
    """The raw hop; errors are those of `fairlead.watcher.errors`."""

    async def scrub(self, batch: bytes) -> ScrubReply:
        """Hand over an encoded raw batch and wait for the verdict."""

    async def rules(self) -> str:
        """Ask for the hash of the rules in force."""
