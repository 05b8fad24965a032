"""What the other tests take for granted about the real control plane."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import pytest

from fairlead.cli.parts.errors import PartFailedError

if TYPE_CHECKING:
    from tests.support.kubernetes_control_plane import ControlPlane


def test_objects_are_made_and_audited(control_plane: ControlPlane, namespace: str) -> None:
    """An object that kubectl makes is there, and the audit log has the request when the answer has come."""
    name = f"map-{uuid.uuid4().hex[:8]}"
    control_plane.kubectl("-n", namespace, "create", "configmap", name, "--from-literal=rig=cutter")
    found = json.loads(control_plane.kubectl("-n", namespace, "get", "configmap", name, "-o", "json"))

    assert found["data"] == {"rig": "cutter"}
    refs = [event["objectRef"] for event in control_plane.audit_events(name) if event["verb"] == "create"]
    assert name in {ref.get("name") for ref in refs}


def test_the_plain_user_may_nothing(control_plane: ControlPlane, namespace: str) -> None:
    """RBAC refuses the plain user, who is authenticated."""
    with pytest.raises(PartFailedError, match='User "plain-user" cannot list'):
        control_plane.kubectl("--context", "plain-user", "-n", namespace, "get", "pods")


def test_old_versions_are_gone_after_compaction(control_plane: ControlPlane, namespace: str) -> None:
    """A watch from a version seen before the compaction is told 410 in its stream, though the objects are still there."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    control_plane.request("POST", path, {"metadata": {"name": "kept"}})
    version = control_plane.request("GET", path)["metadata"]["resourceVersion"]
    control_plane.compact()

    told = control_plane.request("GET", f"{path}?watch=1&resourceVersion={version}&timeoutSeconds=5")

    assert (told["type"], told["object"]["code"], told["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert "kept" in {item["metadata"]["name"] for item in control_plane.request("GET", path)["items"]}
