"""What an operation is about, and what may be done with it, before its cluster is asked anything."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.contracts.operations import (
    MANIFEST_KINDS,
    READS,
    InvalidRequest,
    Kind,
    OperationRequest,
    identify_manifest,
)
from fairlead.contracts.repeatability import is_fenced, repeatability
from fairlead.executor.core import outcome as outcomes
from fairlead.executor.core.outcome import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Aim:
    """What an operation is about, before the cluster was asked what kinds it has."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = "/".join(part for part in (self.namespace, self.name) if part)
        return " ".join(part for part in (self.api_version, self.kind, where) if part)


def aim(request: OperationRequest) -> Aim:
    """Say what an operation is about.

    Raises:
        InvalidRequest: its names cannot stand in a path, or it sets a condition that its kind cannot have.

    """
    if request.kind in MANIFEST_KINDS:
        manifest = identify_manifest(bytes(request.manifest))
        found = Aim(manifest.apiVersion, manifest.kind, manifest.metadata.namespace, manifest.metadata.name)
    else:
        target = request.target
        if target is None:
            raise InvalidRequest([f"`{request.kind}` needs a `target`"])
        found = Aim(target.apiVersion, target.kind, target.namespace, target.name)
    # IsValidPathSegmentName in k8s.io/apimachinery: such names exist nowhere, and would lead to another path.
    problems = [
        f"`{field}` is no name: it must not be `.` or `..`, nor hold `/` or `%`"
        for field, value in (("namespace", found.namespace), ("name", found.name))
        if value in (".", "..") or "/" in value or "%" in value
    ]
    if request.kind in (Kind.CREATE, Kind.RUN_JOB) and (request.uid or request.resource_version):
        problems.append(f"`{request.kind}` cannot expect a `uid` or a `resourceVersion`: the object is not there yet")
    if problems:
        raise InvalidRequest(problems)
    return found


def is_harmless(request: OperationRequest) -> bool:
    """Whether the operation changes nothing; such operations keep no claim and simply run again."""
    return request.dry_run or request.kind in READS


def is_repeatable(request: OperationRequest) -> bool:
    """Whether running the operation once more can do no harm."""
    return is_harmless(request) or repeatability(request.kind, fenced=is_fenced(request)).safe


def may_be_late(api_version: str, kind: str) -> bool:
    """Whether a kind is a custom one: the API server serves it a moment after its definition was accepted."""
    group = api_version.rpartition("/")[0] or kind.partition(".")[2]
    return "." in group and not group.endswith("k8s.io")


def named(request: OperationRequest) -> Outcome:
    """Make an outcome, to be completed, that names what was asked for."""
    target = aim(request)
    return Outcome(Verdict.FAILED, namespace=target.namespace, name=target.name)


def doubtful(request: OperationRequest, why: str) -> Outcome:
    """Make the outcome of an operation that may have taken effect, and say where a person can see whether it did."""
    expected = {"uid": request.uid, "resourceVersion": request.resource_version}
    conditions = ", ".join(f"{name} {value}" for name, value in expected.items() if value)
    told = f"{why}; check {aim(request)}" + (f" (expected {conditions})" if conditions else "")
    return outcomes.unknown(named(request), outcomes.UNKNOWN_OUTCOME, told)
