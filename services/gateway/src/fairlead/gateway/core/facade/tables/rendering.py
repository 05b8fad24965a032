"""Objects as a ``Table`` of meta.k8s.io/v1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

import msgspec

from fairlead.gateway.core.facade.tables import kinds, network, workloads
from fairlead.gateway.core.facade.tables.autoscalers import AUTOSCALERS
from fairlead.gateway.core.facade.tables.parts import Printer
from fairlead.gateway.core.facade.tables.pods import PODS, Pod

API_VERSION = "meta.k8s.io/v1"
PRINTERS: Mapping[tuple[str, str], Printer] = {
    ("", "pods"): PODS,
    ("apps", "deployments"): workloads.DEPLOYMENTS,
    ("apps", "replicasets"): workloads.REPLICA_SETS,
    ("apps", "statefulsets"): workloads.STATEFUL_SETS,
    ("apps", "daemonsets"): workloads.DAEMON_SETS,
    ("batch", "jobs"): workloads.JOBS,
    ("batch", "cronjobs"): workloads.CRON_JOBS,
    ("", "services"): network.SERVICES,
    ("networking.k8s.io", "ingresses"): network.INGRESSES,
    ("networking.k8s.io", "networkpolicies"): network.NETWORK_POLICIES,
    ("autoscaling", "horizontalpodautoscalers"): AUTOSCALERS,
    ("", "namespaces"): kinds.NAMESPACES,
    ("", "configmaps"): kinds.CONFIG_MAPS,
    ("", "serviceaccounts"): kinds.SERVICE_ACCOUNTS,
    ("", "persistentvolumeclaims"): kinds.CLAIMS,
    ("policy", "poddisruptionbudgets"): kinds.BUDGETS,
    ("apiextensions.k8s.io", "customresourcedefinitions"): kinds.DEFINITIONS,
}
_COMPLETED = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}
_encode = msgspec.json.Encoder().encode


class Include(StrEnum):
    """What a row holds of its object (``includeObject``)."""

    NONE = "None"
    METADATA = "Metadata"
    OBJECT = "Object"


class _Whole(msgspec.Struct):
    metadata: msgspec.Raw


_decode_whole = msgspec.json.Decoder(_Whole).decode


def render_table(group: str, plural: str, bodies: Sequence[bytes], include: str, now: datetime) -> bytes | None:
    """A table of objects, as JSON; None when it is for the API server to make: another kind, form or version.

    Args:
        group: of the resource.
        plural: of the resource.
        bodies: objects as JSON.
        include: `Include`, as the query says it.
        now: ages are counted up to it.

    """
    printer = PRINTERS.get((group, plural))
    if printer is None or include not in tuple(Include):
        return None
    try:
        rows = b",".join(_rows(printer, bodies, Include(include), now))
    except msgspec.DecodeError:
        return None
    return b'{"kind":"Table","apiVersion":"%b","metadata":{},"columnDefinitions":%b,"rows":[%b]}' % (
        API_VERSION.encode(),
        _columns(printer),
        rows,
    )


def _rows(printer: Printer, bodies: Sequence[bytes], include: Include, now: datetime) -> Iterator[bytes]:
    decode = _decoder(printer).decode
    for body in bodies:
        found = decode(body)
        yield b'{"cells":%b%b,"object":%b}' % (
            _encode(printer.cells(found, now)),
            _conditions(found),
            _included(body, include),
        )


def _included(body: bytes, include: Include) -> bytes:
    match include:
        case Include.NONE:
            return b"null"
        case Include.OBJECT:
            return body
        case Include.METADATA:
            metadata = bytes(_decode_whole(body).metadata)
            return b'{"kind":"PartialObjectMetadata","apiVersion":"%b","metadata":%b}' % (
                API_VERSION.encode(),
                metadata,
            )


def _conditions(found: object) -> bytes:
    """Pods that have ended say so: ``kubectl get`` could leave them out."""
    if not isinstance(found, Pod) or found.status.phase not in _COMPLETED:
        return b""
    phase = found.status.phase
    condition = {"type": "Completed", "status": "True", "reason": phase, "message": _COMPLETED[phase]}
    return b',"conditions":%b' % _encode([condition])


@lru_cache(maxsize=len(PRINTERS))
def _decoder(printer: Printer) -> msgspec.json.Decoder[msgspec.Struct]:
    return msgspec.json.Decoder(printer.kind)


@lru_cache(maxsize=len(PRINTERS))
def _columns(printer: Printer) -> bytes:
    """Column definitions, without the descriptions: nothing shows them."""
    return _encode([
        {"name": each.name, "type": each.type, "format": each.format, "description": "", "priority": each.priority}
        for each in printer.columns
    ])  # fmt: skip
