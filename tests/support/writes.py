"""The journal of writes in memory, and requests of the facade to write into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.gateway_doubles import Outage

from fairlead.gateway.core.facade.barrier import Mark, Outcome, Wait
from fairlead.gateway.core.facade.targets import Target, Verb
from fairlead.gateway.core.tokens import Grant, Kind
from fairlead.gateway.ports.facade import FacadeRequest
from fairlead.gateway.ports.writes import Ending, NewWrite, WriteRecord

CALLER = Grant("kubectl-of-ann", Kind.FACADE, ("*",))
PATCH = Target(Verb.PATCH, "", "v1", "pods", "shop", "web")


def facade_request(
    account: str = "production", *, method: str = "PATCH", command: str = "kubectl apply", dry_run: str = ""
) -> FacadeRequest:
    """A request to write."""
    query = (("dryRun", dry_run),) if dry_run else ()
    headers = {"kubectl-command": command, "user-agent": "kubectl/v1.32.0"}
    return FacadeRequest(account, method, "/api/v1", "/api/v1", query, headers, CALLER)


# The port documents these methods.
# ruff: noqa: D102


@dataclass
class MemoryWrites:
    """`WriteStore` that remembers; what lists wait for is laid out by the test, the last answer again and again."""

    outage: Outage = field(default_factory=Outage)
    begun: dict[str, NewWrite] = field(default_factory=dict)
    marks: dict[str, Mark | None] = field(default_factory=dict)
    ended: dict[str, Ending] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)
    waits: list[frozenset[Wait]] = field(default_factory=lambda: [frozenset()])
    asked: int = 0
    abandoned: int = 0
    sweeps: int = 0
    purges: list[float] = field(default_factory=list)

    async def begin(self, write: NewWrite, mark: Mark | None) -> None:
        self.outage.check()
        self.begun[write.id] = write
        self.marks[write.id] = mark

    async def finish(self, ending: Ending) -> None:
        self.outage.check()
        self.ended[ending.id] = ending

    async def behind(self, account: str, group: str, plural: str, namespace: str) -> frozenset[Wait]:
        self.outage.check()
        self.asked += 1
        return self.waits.pop(0) if len(self.waits) > 1 else self.waits[0]

    async def touch(self, ids: Sequence[str]) -> None:
        self.outage.check()
        self.touched += ids

    async def sweep(self, silent_s: float) -> int:
        self.outage.check()
        self.sweeps += 1
        found, self.abandoned = self.abandoned, 0
        return found

    async def purge(self, older_than_s: float) -> int:
        self.purges.append(older_than_s)
        return 0

    async def read(self, account: str, *, before: str, limit: int) -> list[WriteRecord]:
        return []

    def outcomes(self) -> list[Outcome]:
        """How writes ended, in their order."""
        return [ending.outcome for ending in self.ended.values()]
