"""Pods: how many containers are ready, and what holds the others up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from fairlead.gateway.core.facade.tables.parts import (
    AGE,
    NAME,
    NONE,
    Cell,
    Column,
    Condition,
    Container,
    Metadata,
    Part,
    Printer,
    age,
    is_true,
)

NODE_LOST = "NodeLost"
GATED = "SchedulingGated"
ENDED = frozenset({"Failed", "Succeeded"})


class _Waiting(Part, frozen=True):
    reason: str = ""


class _Running(Part, frozen=True):
    pass


class _Terminated(Part, frozen=True):
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    finished_at: datetime | None = None

    @property
    def told(self) -> str:
        if self.reason:
            return self.reason
        return f"Signal:{self.signal}" if self.signal else f"ExitCode:{self.exit_code}"


class _State(Part, frozen=True):
    waiting: _Waiting | None = None
    running: _Running | None = None
    terminated: _Terminated | None = None


class _Status(Part, frozen=True):
    name: str = ""
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    state: _State = _State()
    last_state: _State = _State()


class _Ip(Part, frozen=True):
    ip: str = ""


class _Gate(Part, frozen=True):
    condition_type: str = ""


class _PodSpec(Part, frozen=True):
    containers: tuple[Container, ...] = ()
    init_containers: list[Container] | None = None
    node_name: str = ""
    readiness_gates: list[_Gate] | None = None


class _PodStatus(Part, frozen=True):
    phase: str = ""
    reason: str = ""
    conditions: list[Condition] | None = None
    init_container_statuses: list[_Status] | None = None
    container_statuses: list[_Status] | None = None
    pod_ips: list[_Ip] | None = msgspec.field(name="podIPs", default=None)
    nominated_node_name: str = ""


class Pod(Part, frozen=True):
    """What is read of a pod."""

    metadata: Metadata = Metadata()
    spec: _PodSpec = _PodSpec()
    status: _PodStatus = _PodStatus()


@dataclass
class _Restarts:
    """How often containers began anew, and when last."""

    count: int = 0
    last: datetime | None = None

    def add(self, container: _Status) -> None:
        self.count += container.restart_count
        ended = container.last_state.terminated
        if ended is not None and ended.finished_at is not None:
            self.last = max(self.last or ended.finished_at, ended.finished_at)

    def told(self, now: datetime) -> str:
        return f"{self.count} ({age(self.last, now)} ago)" if self.count and self.last else str(self.count)


@dataclass
class _Tally:
    """What is found by going through the containers."""

    reason: str
    ready: int = 0
    restarts: _Restarts = field(default_factory=_Restarts)


def _pod(pod: Pod, now: datetime) -> list[Cell]:
    sidecars = {each.name for each in pod.spec.init_containers or () if each.restart_policy == "Always"}
    tally = _Tally(_phase(pod.status))
    staying = _Restarts()
    initializing = _go_through_init(pod, sidecars, tally, staying)
    if not initializing or is_true(pod.status.conditions, "Initialized"):
        tally.restarts = staying
        _go_through_containers(pod, tally)
    total = len(pod.spec.containers) + sum(each.name in sidecars for each in pod.spec.init_containers or ())
    ips = pod.status.pod_ips or []
    return [
        pod.metadata.name,
        f"{tally.ready}/{total}",
        _ending(pod, tally.reason),
        tally.restarts.told(now),
        age(pod.metadata.creation_timestamp, now),
        (ips[0].ip if ips else "") or NONE,
        pod.spec.node_name or NONE,
        pod.status.nominated_node_name or NONE,
        _gates(pod.spec.readiness_gates or [], pod.status.conditions or []),
    ]


def _phase(status: _PodStatus) -> str:
    gated = any(each.type == "PodScheduled" and each.reason == GATED for each in status.conditions or ())
    return GATED if gated else status.reason or status.phase


def _go_through_init(pod: Pod, sidecars: set[str], tally: _Tally, staying: _Restarts) -> bool:
    """Look for the init container that is not done, and say in ``tally`` what it does; tells whether there is one.

    ``staying`` counts the restarts of those that stay beside the others.
    """
    for place, container in enumerate(pod.status.init_container_statuses or ()):
        stays = container.name in sidecars
        tally.restarts.add(container)
        if stays:
            staying.add(container)
        ended, waiting = container.state.terminated, container.state.waiting
        if ended is not None and ended.exit_code == 0:
            continue
        if stays and container.started:
            tally.ready += container.ready
            continue
        if ended is not None:
            tally.reason = f"Init:{ended.told}"
        elif waiting is not None and waiting.reason not in ("", "PodInitializing"):
            tally.reason = f"Init:{waiting.reason}"
        else:
            tally.reason = f"Init:{place}/{len(pod.spec.init_containers or ())}"
        return True
    return False


def _go_through_containers(pod: Pod, tally: _Tally) -> None:
    """The first container that has something to tell gives the reason."""
    running, failed = False, ""
    for container in reversed(pod.status.container_statuses or ()):
        tally.restarts.add(container)
        waiting, ended = container.state.waiting, container.state.terminated
        if waiting is not None and waiting.reason:
            tally.reason = waiting.reason
        elif ended is not None:
            tally.reason = ended.told
            failed = tally.reason if ended.exit_code else failed
        elif container.ready and container.state.running is not None:
            running = True
            tally.ready += 1
    if tally.reason == "Completed":
        if running and any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or ()):
            tally.reason = "Running"
        else:
            tally.reason = failed or ("NotReady" if running else tally.reason)


def _ending(pod: Pod, reason: str) -> str:
    if pod.metadata.deletion_timestamp is None:
        return reason
    if pod.status.reason == NODE_LOST:
        return "Unknown"
    return reason if pod.status.phase in ENDED else "Terminating"


def _gates(gates: Sequence[_Gate], conditions: Sequence[Condition]) -> str:
    if not gates:
        return NONE
    return f"{sum(is_true(conditions, gate.condition_type) for gate in gates)}/{len(gates)}"


PODS = Printer(
    (
        NAME,
        Column("Ready"),
        Column("Status"),
        Column("Restarts"),
        AGE,
        Column("IP", priority=1),
        Column("Node", priority=1),
        Column("Nominated Node", priority=1),
        Column("Readiness Gates", priority=1),
    ),
    Pod,
    _pod,
)
