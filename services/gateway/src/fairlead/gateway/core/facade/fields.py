"""Fields that lists can be asked by, and how a body tells their values.

Only fields that the API server allows for the kind (k8s.io/kubernetes, ``AddFieldLabelConversions…`` of core/v1); of a field
that it knows and this table does not, it answers itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec


class _PodSpec(msgspec.Struct, rename="camel"):
    node_name: str = ""
    restart_policy: str = ""
    scheduler_name: str = ""
    service_account_name: str = ""


class _Status(msgspec.Struct, rename={"pod_ip": "podIP"}):
    phase: str = ""
    pod_ip: str = ""


class _Pod(msgspec.Struct):
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)
    status: _Status = msgspec.field(default_factory=_Status)


class _Namespace(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


class _ServiceSpec(msgspec.Struct, rename={"cluster_ip": "clusterIP"}):
    type: str = ""
    cluster_ip: str = ""


class _Service(msgspec.Struct):
    spec: _ServiceSpec = msgspec.field(default_factory=_ServiceSpec)


class _Involved(msgspec.Struct, rename="camel"):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    resource_version: str = ""
    field_path: str = ""


class _Event(msgspec.Struct, rename="camel"):
    involved_object: _Involved = msgspec.field(default_factory=_Involved)
    reason: str = ""
    type: str = ""


class _Labelled(msgspec.Struct):
    labels: dict[str, str] | None = None


class _Labels(msgspec.Struct):
    metadata: _Labelled = msgspec.field(default_factory=_Labelled)


_Reader = tuple[Callable[[bytes], Any], Mapping[str, Callable[[Any], str]]]


def _reader(shape: type[msgspec.Struct], *fields: str) -> _Reader:
    """Fields as selectors spell them; attributes are called the same in snake case."""
    places = {field: attrgetter(".".join(_snake(step) for step in field.split("."))) for field in fields}
    return msgspec.json.Decoder(shape).decode, places


def _snake(step: str) -> str:
    step = step.replace("IP", "Ip")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in step)


_READERS: Mapping[tuple[str, str], _Reader] = {
    ("", "pods"): _reader(
        _Pod, "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase",
        "status.podIP",
    ),
    ("", "namespaces"): _reader(_Namespace, "status.phase"),
    ("", "services"): _reader(_Service, "spec.type", "spec.clusterIP"),
    ("", "events"): _reader(
        _Event, "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "type",
    ),
}  # fmt: skip
_decode_labels = msgspec.json.Decoder(_Labels).decode


def is_known(group: str, plural: str, field: str) -> bool:
    """Whether bodies of a kind are read for a field."""
    reader = _READERS.get((group, plural))
    return reader is not None and field in reader[1]


def values_of(group: str, plural: str, fields: Sequence[str], body: bytes) -> list[str]:
    """The values of known fields, empty where the object has none.

    Raises:
        msgspec.DecodeError: it is no object of this kind.

    """
    decode, places = _READERS[group, plural]
    found = decode(body)
    return [places[field](found) for field in fields]


def labels_of(body: bytes) -> dict[str, str]:
    """An object's labels.

    Raises:
        msgspec.DecodeError: it is no object.

    """
    return _decode_labels(body).metadata.labels or {}
