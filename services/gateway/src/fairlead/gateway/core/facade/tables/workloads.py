"""Workloads: deployments, replica sets, stateful sets, daemon sets, jobs and cron jobs."""

from __future__ import annotations

from datetime import datetime

from fairlead.gateway.core.facade.tables.parts import (
    AGE,
    CONTAINERS,
    NAME,
    NONE,
    SELECTOR,
    UNSET,
    Cell,
    Column,
    Condition,
    Metadata,
    Part,
    Printer,
    Selector,
    Template,
    age,
    bare_selector,
    container_cells,
    duration,
    is_true,
    labels,
    selector,
)

_JOB_STATES = ("Suspended", "FailureTarget", "SuccessCriteriaMet")
"""Conditions of a job that goes on; the first that holds is its status."""


class _Spec(Part, frozen=True):
    replicas: int = 0
    selector: Selector | None = None
    template: Template = Template()


class _Status(Part, frozen=True):
    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0


class Replicated(Part, frozen=True):
    """What is read of a Deployment, ReplicaSet or StatefulSet."""

    metadata: Metadata = Metadata()
    spec: _Spec = _Spec()
    status: _Status = _Status()


def _deployment(found: Replicated, now: datetime) -> list[Cell]:
    status = found.status
    return [
        found.metadata.name,
        f"{status.ready_replicas}/{found.spec.replicas}",
        status.updated_replicas,
        status.available_replicas,
        age(found.metadata.creation_timestamp, now),
        *container_cells(found.spec.template),
        bare_selector(found.spec.selector),
    ]


def _replica_set(found: Replicated, now: datetime) -> list[Cell]:
    return [
        found.metadata.name,
        found.spec.replicas,
        found.status.replicas,
        found.status.ready_replicas,
        age(found.metadata.creation_timestamp, now),
        *container_cells(found.spec.template),
        selector(found.spec.selector),
    ]


def _stateful_set(found: Replicated, now: datetime) -> list[Cell]:
    return [
        found.metadata.name,
        f"{found.status.ready_replicas}/{found.spec.replicas}",
        age(found.metadata.creation_timestamp, now),
        *container_cells(found.spec.template),
    ]


class _DaemonStatus(Part, frozen=True):
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    number_ready: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0


class DaemonSet(Part, frozen=True):
    """What is read of a DaemonSet."""

    metadata: Metadata = Metadata()
    spec: _Spec = _Spec()
    status: _DaemonStatus = _DaemonStatus()


def _daemon_set(found: DaemonSet, now: datetime) -> list[Cell]:
    status = found.status
    return [
        found.metadata.name,
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_ready,
        status.updated_number_scheduled,
        status.number_available,
        labels(found.spec.template.spec.node_selector),
        age(found.metadata.creation_timestamp, now),
        *container_cells(found.spec.template),
        selector(found.spec.selector),
    ]


class _JobSpec(Part, frozen=True):
    completions: int | None = None
    parallelism: int | None = None
    selector: Selector | None = None
    template: Template = Template()


class _JobStatus(Part, frozen=True):
    succeeded: int = 0
    start_time: datetime | None = None
    completion_time: datetime | None = None
    conditions: list[Condition] | None = None


class Job(Part, frozen=True):
    """What is read of a Job."""

    metadata: Metadata = Metadata()
    spec: _JobSpec = _JobSpec()
    status: _JobStatus = _JobStatus()


def _job(found: Job, now: datetime) -> list[Cell]:
    status = found.status
    took = ""
    if status.start_time is not None:
        took = duration(((status.completion_time or now) - status.start_time).total_seconds())
    return [
        found.metadata.name,
        _job_status(found),
        _completions(found),
        took,
        age(found.metadata.creation_timestamp, now),
        *container_cells(found.spec.template),
        selector(found.spec.selector),
    ]


def _job_status(job: Job) -> str:
    conditions = job.status.conditions
    if is_true(conditions, "Complete"):
        return "Complete"
    if is_true(conditions, "Failed"):
        return "Failed"
    if job.metadata.deletion_timestamp is not None:
        return "Terminating"
    return next((type_ for type_ in _JOB_STATES if is_true(conditions, type_)), "Running")


def _completions(job: Job) -> str:
    if job.spec.completions is not None:
        return f"{job.status.succeeded}/{job.spec.completions}"
    parallel = job.spec.parallelism or 0
    return f"{job.status.succeeded}/1 of {parallel}" if parallel > 1 else f"{job.status.succeeded}/1"


class _Reference(Part, frozen=True):
    name: str = ""


class _JobTemplate(Part, frozen=True):
    spec: _JobSpec = _JobSpec()


class _CronSpec(Part, frozen=True):
    schedule: str = ""
    time_zone: str | None = None
    suspend: bool | None = None
    job_template: _JobTemplate = _JobTemplate()


class _CronStatus(Part, frozen=True):
    active: list[_Reference] | None = None
    last_schedule_time: datetime | None = None


class CronJob(Part, frozen=True):
    """What is read of a CronJob."""

    metadata: Metadata = Metadata()
    spec: _CronSpec = _CronSpec()
    status: _CronStatus = _CronStatus()


def _cron_job(found: CronJob, now: datetime) -> list[Cell]:
    spec, last = found.spec, found.status.last_schedule_time
    return [
        found.metadata.name,
        spec.schedule,
        NONE if spec.time_zone is None else spec.time_zone,
        UNSET if spec.suspend is None else str(spec.suspend),
        len(found.status.active or ()),
        NONE if last is None else age(last, now),
        age(found.metadata.creation_timestamp, now),
        *container_cells(spec.job_template.spec.template),
        selector(spec.job_template.spec.selector),
    ]


def _numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "integer") for name in names)


DEPLOYMENTS = Printer(
    (NAME, Column("Ready"), Column("Up-to-date"), Column("Available"), AGE, *CONTAINERS, SELECTOR),
    Replicated,
    _deployment,
)
REPLICA_SETS = Printer(
    (NAME, *_numbers("Desired", "Current", "Ready"), AGE, *CONTAINERS, SELECTOR), Replicated, _replica_set
)
STATEFUL_SETS = Printer((NAME, Column("Ready"), AGE, *CONTAINERS), Replicated, _stateful_set)
DAEMON_SETS = Printer(
    (
        NAME,
        *_numbers("Desired", "Current", "Ready", "Up-to-date", "Available"),
        Column("Node Selector"),
        AGE,
        *CONTAINERS,
        SELECTOR,
    ),
    DaemonSet,
    _daemon_set,
)
JOBS = Printer(
    (NAME, Column("Status"), Column("Completions"), Column("Duration"), AGE, *CONTAINERS, SELECTOR), Job, _job
)
CRON_JOBS = Printer(
    (
        NAME,
        Column("Schedule"),
        Column("Timezone"),
        Column("Suspend", "boolean"),
        Column("Active", "integer"),
        Column("Last Schedule"),
        AGE,
        *CONTAINERS,
        SELECTOR,
    ),
    CronJob,
    _cron_job,
)
