"""Kinds with little to tell: namespaces, config maps, service accounts, claims, disruption budgets, definitions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fairlead.gateway.core.facade.tables.parts import (
    AGE,
    NAME,
    UNSET,
    Cell,
    Column,
    Condition,
    Metadata,
    Part,
    Printer,
    age,
    is_true,
)

_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_BEFORE_EVERYTHING = "0001-01-01T00:00:00Z"


class _Phase(Part, frozen=True):
    phase: str = ""


class Namespace(Part, frozen=True):
    """What is read of a Namespace."""

    metadata: Metadata = Metadata()
    status: _Phase = _Phase()


def _namespace(found: Namespace, now: datetime) -> list[Cell]:
    return [found.metadata.name, found.status.phase, age(found.metadata.creation_timestamp, now)]


class ConfigMap(Part, frozen=True):
    """What is read of a ConfigMap."""

    metadata: Metadata = Metadata()
    data: dict[str, str] | None = None
    binary_data: dict[str, str] | None = None


def _config_map(found: ConfigMap, now: datetime) -> list[Cell]:
    size = len(found.data or ()) + len(found.binary_data or ())
    return [found.metadata.name, size, age(found.metadata.creation_timestamp, now)]


class ServiceAccount(Part, frozen=True):
    """What is read of a ServiceAccount."""

    metadata: Metadata = Metadata()


def _service_account(found: ServiceAccount, now: datetime) -> list[Cell]:
    return [found.metadata.name, age(found.metadata.creation_timestamp, now)]


class _ClaimSpec(Part, frozen=True):
    volume_name: str = ""
    storage_class_name: str | None = None
    volume_attributes_class_name: str | None = None
    volume_mode: str | None = None


class _ClaimStatus(Part, frozen=True):
    phase: str = ""
    access_modes: list[str] | None = None
    capacity: dict[str, Any] | None = None


class Claim(Part, frozen=True):
    """What is read of a PersistentVolumeClaim."""

    metadata: Metadata = Metadata()
    spec: _ClaimSpec = _ClaimSpec()
    status: _ClaimStatus = _ClaimStatus()


def _claim(found: Claim, now: datetime) -> list[Cell]:
    spec, status, annotations = found.spec, found.status, found.metadata.annotations or {}
    bound = bool(spec.volume_name)
    modes = [short for mode, short in _ACCESS_MODES.items() if mode in (status.access_modes or ())]
    return [
        found.metadata.name,
        status.phase if found.metadata.deletion_timestamp is None else "Terminating",
        spec.volume_name,
        str((status.capacity or {}).get("storage", "0")) if bound else "",
        ",".join(modes) if bound else "",
        annotations.get(_CLASS_ANNOTATION, spec.storage_class_name or ""),
        UNSET if spec.volume_attributes_class_name is None else spec.volume_attributes_class_name,
        age(found.metadata.creation_timestamp, now),
        UNSET if spec.volume_mode is None else spec.volume_mode,
    ]


class _BudgetSpec(Part, frozen=True):
    min_available: int | str | None = None
    max_unavailable: int | str | None = None


class _BudgetStatus(Part, frozen=True):
    disruptions_allowed: int = 0


class Budget(Part, frozen=True):
    """What is read of a PodDisruptionBudget."""

    metadata: Metadata = Metadata()
    spec: _BudgetSpec = _BudgetSpec()
    status: _BudgetStatus = _BudgetStatus()


def _budget(found: Budget, now: datetime) -> list[Cell]:
    least, most = found.spec.min_available, found.spec.max_unavailable
    return [
        found.metadata.name,
        "N/A" if least is None else str(least),
        "N/A" if most is None else str(most),
        found.status.disruptions_allowed,
        age(found.metadata.creation_timestamp, now),
    ]


class _Names(Part, frozen=True):
    kind: str = ""
    short_names: list[str] | None = None


class _Version(Part, frozen=True):
    name: str = ""
    served: bool = False
    storage: bool = False


class _DefinitionSpec(Part, frozen=True):
    group: str = ""
    scope: str = ""
    names: _Names = _Names()
    versions: tuple[_Version, ...] = ()


class _DefinitionStatus(Part, frozen=True):
    conditions: list[Condition] | None = None


class Definition(Part, frozen=True):
    """What is read of a CustomResourceDefinition."""

    metadata: Metadata = Metadata()
    spec: _DefinitionSpec = _DefinitionSpec()
    status: _DefinitionStatus = _DefinitionStatus()


def _definition(found: Definition, _: datetime) -> list[Cell]:
    spec, created = found.spec, found.metadata.creation_timestamp
    served = [f"{each.name}(storage)" if each.storage else each.name for each in spec.versions if each.served]
    return [
        found.metadata.name,
        spec.scope,
        ",".join(sorted(served)),
        _BEFORE_EVERYTHING if created is None else created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        spec.group,
        spec.names.kind,
        ",".join(spec.names.short_names or ()),
        is_true(found.status.conditions, "Established"),
    ]


NAMESPACES = Printer((NAME, Column("Status"), AGE), Namespace, _namespace)
CONFIG_MAPS = Printer((NAME, Column("Data"), AGE), ConfigMap, _config_map)
SERVICE_ACCOUNTS = Printer((NAME, AGE), ServiceAccount, _service_account)
CLAIMS = Printer(
    (
        NAME,
        Column("Status"),
        Column("Volume"),
        Column("Capacity"),
        Column("Access Modes"),
        Column("StorageClass"),
        Column("VolumeAttributesClass"),
        AGE,
        Column("VolumeMode", priority=1),
    ),
    Claim,
    _claim,
)
BUDGETS = Printer(
    (NAME, Column("Min Available"), Column("Max Unavailable"), Column("Allowed Disruptions", "integer"), AGE),
    Budget,
    _budget,
)
DEFINITIONS = Printer(
    (
        NAME,
        Column("Scope"),
        Column("Versions"),
        Column("Created At", "date"),
        Column("Group", priority=1),
        Column("Kind", priority=1),
        Column("ShortNames", priority=1),
        Column("Established", "boolean", priority=1),
    ),
    Definition,
    _definition,
)
