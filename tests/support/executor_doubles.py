"""Doubles of the executor's ports: a bucket, a cluster, other executors and the way back, all in memory."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from fairlead.contracts.identity import Resource
from fairlead.executor.core.claims import Claim, Owner
from fairlead.executor.core.job import Job
from fairlead.executor.core.merging.schemas import Node
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.core.plan import ApiRequest
from fairlead.executor.errors import (
    ApiRefused,
    ClaimExists,
    ClaimMoved,
    ClaimsUnavailable,
    NoKindMatch,
    Undelivered,
)
from fairlead.executor.ports import Answer, Held, Page, Report, Stage

ACCOUNT = "shore"
CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
NODE = Resource("", "v1", "nodes", "Node", namespaced=False)
SECRET = Resource("", "v1", "secrets", "Secret", namespaced=True)
PATH = "/api/v1/namespaces/sea/configmaps/cargo"
Gate = Callable[[str], Awaitable[None]]


def manifest(name: str = "cargo", **metadata: Any) -> dict[str, Any]:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "sea", **metadata}}


def target(name: str = "cargo") -> dict[str, Any]:
    """The ConfigMap as a target."""
    return {"kind": "ConfigMap", "namespace": "sea", "name": name}


DEPLOYMENT = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
REPLICA_SET = Resource("apps", "v1", "replicasets", "ReplicaSet", namespaced=True)
JOB = Resource("batch", "v1", "jobs", "Job", namespaced=True)
POD = Resource("", "v1", "pods", "Pod", namespaced=True)
EVENT = Resource("", "v1", "events", "Event", namespaced=True)
WORKLOADS = {"Deployment": DEPLOYMENT, "ReplicaSet": REPLICA_SET, "Job": JOB, "Pod": POD, "Event": EVENT}


def answered(body: Any, status: int = 200) -> Answer:
    """An answer of the API server."""
    return Answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())


def job(attempt: int = 1, *, incarnation: str = "first", name: str = "01JZ", **request: Any) -> Job:
    """An attempt at an operation, by default at creating the ConfigMap."""
    asked = request or {"kind": "create", "manifest": manifest()}
    return Job(name, ACCOUNT, attempt, incarnation, json.dumps({"account": ACCOUNT, **asked}).encode())


async def open_gate(_: str) -> None:
    """Let everything pass."""


@dataclass
class MemoryClaims:
    """A bucket; ``gate`` is passed before and after each change, where a process may die."""

    gate: Gate = open_gate
    number: int = 1
    away: bool = False
    stored: dict[str, Held] = field(default_factory=dict)
    revision: int = 0

    def lose(self) -> None:
        """Delete the bucket; it is there again at once, as another."""
        self.stored.clear()
        self.number += 1

    async def create(self, operation_id: str, claim: Claim) -> int:
        """Make a claim."""
        await self.gate("create")
        if operation_id in self.stored:
            raise ClaimExists("taken")
        return await self._put(operation_id, claim)

    async def update(self, operation_id: str, claim: Claim, revision: int) -> int:
        """Change a claim."""
        await self.gate("update")
        if operation_id not in self.stored or self.stored[operation_id].revision != revision:
            raise ClaimMoved("moved")
        return await self._put(operation_id, claim)

    async def read(self, operation_id: str) -> Held | None:
        """Read a claim."""
        await self.gate("read")
        self._check()
        return self.stored.get(operation_id)

    async def incarnation(self) -> str:
        """Name the incarnation."""
        await self.gate("incarnation")
        self._check()
        return "first" if self.number == 1 else f"later {self.number}"

    async def _put(self, operation_id: str, claim: Claim) -> int:
        self._check()
        self.revision += 1
        revision = self.revision
        self.stored[operation_id] = Held(claim, revision)
        await self.gate("stored")
        return revision

    def _check(self) -> None:
        if self.away:
            raise ClaimsUnavailable("away")


@dataclass
class MemoryCluster:
    """A cluster of ConfigMaps; ``script`` holds faults: what is raised before, or after, the next requests."""

    gate: Gate = open_gate
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    requests: list[tuple[ApiRequest, str]] = field(default_factory=list)
    before: list[Exception | None] = field(default_factory=list)
    after: list[Exception | None] = field(default_factory=list)
    pages: list[Page | Exception] = field(default_factory=list)
    kinds: dict[str, Resource] = field(default_factory=dict)
    """Kinds beside the three that it has anyway."""
    scripted: dict[tuple[str, str], list[Answer | Exception]] = field(default_factory=dict)
    """What method and path are answered with, one after the other, in place of the store; the last answer stays."""
    schema: Node | None = None
    watches: list[bool | Exception] = field(default_factory=list)
    version: int = 10

    async def resolve(self, api_version: str, kind: str) -> Resource:
        """Find a kind."""
        found = {"ConfigMap": CONFIG_MAP, "Node": NODE, "Secret": SECRET, **self.kinds}.get(kind)
        if found is None or api_version not in ("", found.api_version):
            raise NoKindMatch(f"the cluster serves no {kind}")
        return found

    async def patch_schema(self, resource: Resource) -> Node | None:
        """Tell the one schema."""
        return self.schema

    async def send(self, request: ApiRequest, *, audit_id: str, timeout_s: float) -> Answer:
        """Serve a request between the scripted faults."""
        assert timeout_s > 0
        self.requests.append((request, audit_id))
        await self.gate("send")
        _raise_next(self.before)
        answer = self._answer(request, audit_id)
        await self.gate("sent")
        _raise_next(self.after)
        return answer

    async def page(self, request: ApiRequest, resource: Resource, *, audit_id: str, timeout_s: float) -> Page:
        """Give the next scripted page."""
        self.requests.append((request, audit_id))
        page = self.pages.pop(0)
        if isinstance(page, Exception):
            raise page
        return page

    async def wait_deleted(self, request: ApiRequest, *, audit_id: str, timeout_s: float) -> bool:
        """Tell what the script says; True empties the cluster."""
        self.requests.append((request, audit_id))
        told = self.watches.pop(0) if self.watches else False
        if isinstance(told, Exception):
            raise told
        if told:
            self.objects.clear()
        return told

    def _answer(self, request: ApiRequest, audit_id: str) -> Answer:
        """Serve the little of the API that flows need: create, read, replace with a version, delete with a UID."""
        if told := self.scripted.get((request.method, request.path)):
            answer = told.pop(0) if len(told) > 1 else told[0]
            if isinstance(answer, Exception):
                raise answer
            return answer
        path = request.path if request.method != "POST" else f"{request.path}/cargo"
        standing = self.objects.get(path)
        if request.method == "POST":
            if standing is not None and "generateName" not in json.loads(request.body)["metadata"]:
                raise ApiRefused(409, "AlreadyExists", "it is there")
            return self._stored(path, {**json.loads(request.body)}, audit_id, 201)
        if standing is None:
            raise ApiRefused(404, "NotFound", "it is not there")
        if request.method == "GET":
            return Answer(200, json.dumps(standing).encode())
        sent = json.loads(request.body)
        if request.method == "DELETE":
            return self._deleted(path, sent.get("preconditions", {}).get("uid"), audit_id)
        expected = sent.get("metadata", {}).get("resourceVersion")
        if expected not in (None, standing["metadata"]["resourceVersion"]):
            raise ApiRefused(409, "Conflict", "it has changed")
        return self._stored(path, {**standing, **sent}, audit_id, 200)

    def _stored(self, path: str, body: dict[str, Any], audit_id: str, code: int) -> Answer:
        self.version += 1
        body["metadata"] = {
            **body["metadata"], "name": "cargo", "uid": "uid-1", "resourceVersion": str(self.version),
        }  # fmt: skip
        self.objects[path] = body
        self.effects.append(audit_id)
        return Answer(code, json.dumps(body).encode())

    def _deleted(self, path: str, uid: str | None, audit_id: str) -> Answer:
        standing = self.objects[path]["metadata"]
        if uid not in (None, standing["uid"]):
            raise ApiRefused(409, "Conflict", "another uid")
        self.effects.append(audit_id)
        if standing.get("finalizers"):
            return Answer(200, json.dumps(self.objects[path]).encode())
        del self.objects[path]
        return Answer(200, json.dumps({"kind": "Status", "details": {"uid": standing["uid"]}}).encode())


def _raise_next(faults: list[Exception | None]) -> None:
    fault = faults.pop(0) if faults else None
    if fault is not None:
        raise fault


@dataclass
class OneCluster:
    """The cluster of the one account."""

    only: MemoryCluster

    def cluster(self, account: str) -> MemoryCluster | None:
        """Find it."""
        return self.only if account == ACCOUNT else None


@dataclass
class FixedPeers:
    """Other executors that all answer the same."""

    owner: Owner = Owner.LOST
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def ask(self, executor_id: str, operation_id: str, run: str) -> Owner:
        """Answer."""
        self.asked.append((executor_id, operation_id, run))
        return self.owner


@dataclass
class CollectedReports:
    """Keeps what the gateway would be told."""

    told: list[Report] = field(default_factory=list)
    away: bool = False

    async def tell(self, report: Report) -> None:
        """Keep it."""
        if self.away:
            raise Undelivered("nobody took it")
        self.told.append(report)

    @property
    def outcomes(self) -> list[Outcome]:
        """How the attempts ended."""
        return [report.outcome for report in self.told if report.outcome is not None]

    @property
    def claimed(self) -> int:
        """How often it was told that an operation runs."""
        return sum(report.stage is Stage.CLAIMED for report in self.told)
