"""Kinds with little to tell."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.tables import DAY_OLD, cells


@pytest.mark.parametrize(
    ("group", "plural", "parts", "row"),
    [
        ("", "namespaces", {"status": {"phase": "Active"}}, ["Active", "24h"]),
        ("", "configmaps", {"data": {"a": "1"}, "binaryData": {"b": "", "c": ""}}, [3, "24h"]),
        ("", "serviceaccounts", {}, ["24h"]),
        ("policy", "poddisruptionbudgets", {"spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 2}}, ["50%", "N/A", 2, "24h"]),
        ("policy", "poddisruptionbudgets", {"spec": {"maxUnavailable": 0}}, ["N/A", "0", 0, "24h"]),
    ],
)  # fmt: skip
def test_small_kinds(group: str, plural: str, parts: dict[str, Any], row: list[Any]) -> None:
    """A few cells each."""
    assert cells(group, plural, **parts) == ["web", *row]


def test_claims() -> None:
    """What is bound tells its size; what goes says so; an old annotation is the class."""
    spec = {"volumeName": "pv", "storageClassName": "fast", "volumeMode": "Block", "volumeAttributesClassName": "gold"}
    status = {"phase": "Bound", "capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteMany", "ReadWriteOnce"]}
    bound = cells("", "persistentvolumeclaims", spec=spec, status=status)
    assert bound == ["web", "Bound", "pv", "2Gi", "RWO,RWX", "fast", "gold", "24h", "Block"]
    annotated = {"deletionTimestamp": DAY_OLD, "annotations": {"volume.beta.kubernetes.io/storage-class": "slow"}}
    going = cells("", "persistentvolumeclaims", metadata=annotated, status=status)
    assert going == ["web", "Terminating", "", "", "", "slow", "<unset>", "24h", "<unset>"]


def test_definitions() -> None:
    """Served versions, names, and whether they are established."""
    versions = [
        {"name": "v2", "served": True, "storage": True},
        {"name": "v1", "served": True, "storage": False},
        {"name": "v0", "served": False, "storage": False},
    ]
    names = {"kind": "Boat", "shortNames": ["bo", "bt"]}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": versions}
    status = {"conditions": [{"type": "Established", "status": "True"}]}
    row = cells("apiextensions.k8s.io", "customresourcedefinitions", spec=spec, status=status)
    assert row == ["web", "Namespaced", "v1,v2(storage)", DAY_OLD, "example.com", "Boat", "bo,bt", True]
    bare = cells("apiextensions.k8s.io", "customresourcedefinitions", metadata={"creationTimestamp": None})
    assert bare[3:] == ["0001-01-01T00:00:00Z", "", "", "", False]
