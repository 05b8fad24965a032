"""What the executor needs from the world around it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from fairlead.contracts.identity import Resource
from fairlead.contracts.v1.link_pb2 import AgentFrame
from fairlead.executor.core.claims import Claim, Owner
from fairlead.executor.core.job import Job
from fairlead.executor.core.merging.schemas import Node
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.core.plan import ApiRequest


class Answer(NamedTuple):
    """A successful answer; ``body`` is JSON, without managedFields when it is an object, unless it was asked for untouched."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; items are whole objects that name their type, without managedFields."""

    items: list[bytes]
    version: str
    token: str
    """Of the next page; empty on the last."""
    remaining: int | None
    """The server's estimate of what follows."""


class RawRequest(NamedTuple):
    """A request that goes out as it is."""

    method: str
    target: str
    """Path and query, encoded."""
    headers: Sequence[tuple[str, str]]
    body: bytes | AsyncIterator[bytes] | None
    answer_within_s: float
    """Time until the head of the answer."""
    idle_s: float | None
    """Longest silence within the answer's body."""


class RawAnswer(NamedTuple):
    """An answer of any status, as it comes; reading its body raises as `RawCluster.exchange`."""

    status: int
    headers: Sequence[tuple[str, str]]
    """A character for each byte (Latin-1)."""
    body: AsyncIterator[bytes]


class Cluster(Protocol):
    """The API server of one account. ``audit_id`` goes out as the header of each request."""

    async def resolve(self, api_version: str, kind: str) -> Resource:
        """Find a kind; one that is not known is looked for once more in the cluster.

        Raises:
            NoKindMatch: the cluster has none.
            ApiRefused, NoAnswer: it cannot be asked.

        """

    async def patch_schema(self, resource: Resource) -> Node | None:
        """How objects of a kind merge; None for kinds that the API server merges as JSON alone.

        Raises:
            NoSchema: the cluster does not tell.
            ApiRefused, NoAnswer: it cannot be asked.

        """

    async def send(self, request: ApiRequest, *, audit_id: str, timeout_s: float) -> Answer:
        """Send one request, once.

        Raises:
            ApiRefused: the API server answered with a failure.
            NoAnswer: there was no whole answer.

        """

    async def page(self, request: ApiRequest, resource: Resource, *, audit_id: str, timeout_s: float) -> Page:
        """Read one page of a list; raises as `send`."""

    async def wait_deleted(self, request: ApiRequest, *, audit_id: str, timeout_s: float) -> bool:
        """Watch as the request says; True when an object was deleted, False when the watch ended before.

        Raises:
            ApiRefused, NoAnswer: it cannot be watched.

        """


class Clusters(Protocol):
    """The configured accounts."""

    def cluster(self, account: str) -> Cluster | None:
        """The cluster of an account; None when the account is not configured here."""


class RawCluster(Protocol):
    """The API server of one account, for requests that are only passed on."""

    def exchange(self, request: RawRequest) -> AbstractAsyncContextManager[RawAnswer]:
        """Send one request as it is, once; leaving the context ends the exchange.

        Raises:
            NoAnswer: there was no answer, or it broke off.

        """


class RawClusters(Protocol):
    """The configured accounts, for requests that are only passed on."""

    def cluster(self, account: str) -> RawCluster | None:
        """The cluster of an account; None when the account is not configured here."""


class Held(NamedTuple):
    """A claim as it stands in the bucket."""

    claim: Claim
    revision: int


class Claims(Protocol):
    """The bucket of claims that all executors of the zone share. Every call may raise ClaimsUnavailable.

    A call that lost its answer finds out itself whether it took effect: ``Claim.run`` tells.
    """

    async def create(self, operation_id: str, claim: Claim) -> int:
        """Claim an operation and return the revision.

        Raises:
            ClaimExists: there is a claim.

        """

    async def read(self, operation_id: str) -> Held | None:
        """Read the claim of an operation; None when there is none."""

    async def update(self, operation_id: str, claim: Claim, revision: int) -> int:
        """Replace the claim of a known revision and return the new one.

        Raises:
            ClaimMoved: it is not at that revision, or is gone.

        """

    async def incarnation(self) -> str:
        """Name the bucket's incarnation; another one has forgotten every claim."""


class Bridges(Protocol):
    """The bridges of the zone, as the far end of tunnels."""

    async def send(self, bridge: str, frame: AgentFrame) -> None:
        """Send a frame to one bridge. Frames arrive in their order; some may be lost with a connection.

        Raises:
            Undelivered: it was certainly not sent.

        """


class Peers(Protocol):
    """The other executors of the zone."""

    async def ask(self, executor_id: str, operation_id: str, run: str) -> Owner:
        """Ask an executor for a run that it has claimed.

        Nobody there means that it died; silence of one that is there means that it runs.
        """


class Stage(Enum):
    """What a report tells."""

    CLAIMED = "claimed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Report:
    """What the control side is told about a job; ``outcome`` when it has ended."""

    job: Job
    stage: Stage
    outcome: Outcome | None = None
    started_ms: int = 0
    finished_ms: int = 0


class Reports(Protocol):
    """The way back."""

    async def tell(self, report: Report) -> None:
        """Hand a report over, its body in chunks, until the gateway has it.

        Raises:
            Undelivered: nobody took it, or it was refused.

        """
