"""What bodies tell of fields."""

from __future__ import annotations

import msgspec
import pytest

from fairlead.gateway.core.facade.fields import is_known, labels_of, values_of

POD = b'{"metadata":{"labels":{"a":"b"}},"spec":{"nodeName":"n1","restartPolicy":"Always"},"status":{"phase":"Running","podIP":"10.0.0.1"}}'
EVENT = (
    b'{"involvedObject":{"kind":"Pod","namespace":"shop","name":"web","uid":"u","apiVersion":"v1","resourceVersion":"5",'
    b'"fieldPath":"spec"},"reason":"Killing","type":"Normal"}'
)


@pytest.mark.parametrize(("plural", "body", "field", "value"), [
    ("pods", POD, "spec.nodeName", "n1"), ("pods", POD, "spec.restartPolicy", "Always"), ("pods", POD, "status.phase", "Running"),
    ("pods", POD, "status.podIP", "10.0.0.1"), ("pods", POD, "spec.schedulerName", ""), ("pods", b"{}", "status.phase", ""),
    ("pods", POD, "spec.serviceAccountName", ""),
    ("namespaces", b'{"status":{"phase":"Active"}}', "status.phase", "Active"),
    ("services", b'{"spec":{"type":"ClusterIP","clusterIP":"10.1.0.1"}}', "spec.clusterIP", "10.1.0.1"),
    ("services", b'{"spec":{"type":"ClusterIP"}}', "spec.type", "ClusterIP"),
    *(("events", EVENT, f"involvedObject.{name}", value) for name, value in {
        "kind": "Pod", "namespace": "shop", "name": "web", "uid": "u", "apiVersion": "v1", "resourceVersion": "5",
        "fieldPath": "spec",
    }.items()),
    ("events", EVENT, "reason", "Killing"), ("events", EVENT, "type", "Normal"),
])  # fmt: skip
def test_fields_are_read(plural: str, body: bytes, field: str, value: str) -> None:
    """Each known field; what an object lacks is empty."""
    assert is_known("", plural, field)
    assert values_of("", plural, [field], body) == [value]


@pytest.mark.parametrize(("group", "plural", "field"), [
    ("", "pods", "spec.containers"), ("", "configmaps", "data"), ("apps", "pods", "status.phase"), ("", "pods", ""),
])  # fmt: skip
def test_other_fields_are_not_known(group: str, plural: str, field: str) -> None:
    """The API server says what it makes of them."""
    assert not is_known(group, plural, field)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"status":{"phase":5}}'])
def test_what_is_no_pod_is_refused(body: bytes) -> None:
    """A row that cannot be judged is not passed over in silence."""
    with pytest.raises(msgspec.DecodeError):
        values_of("", "pods", ["status.phase"], body)


def test_labels_are_read() -> None:
    """None is as good as missing."""
    assert labels_of(POD) == {"a": "b"}
    assert labels_of(b'{"metadata":{"labels":null}}') == {}
    assert labels_of(b"{}") == {}
