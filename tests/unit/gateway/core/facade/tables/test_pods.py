"""Pods; tests/integration/gateway/test_tables.py holds many more states against a real API server."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.tables import DAY_OLD, cells

RUNNING = {"name": "a", "ready": True, "restartCount": 2, "state": {"running": {}}}
CONTAINERS = {"containers": [{"name": "a"}, {"name": "b"}]}


def _pod(**status: Any) -> list[Any]:
    return cells("", "pods", spec=CONTAINERS, status=status)


def test_a_running_pod() -> None:
    """Ready containers, restarts and their age, and the wide columns."""
    restarted = RUNNING | {"lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-03-01T11:55:00Z"}}}
    row = cells(
        "", "pods", spec=CONTAINERS | {"nodeName": "n1"},
        status={"phase": "Running", "containerStatuses": [restarted], "podIPs": [{"ip": "10.0.0.1"}]},
    )  # fmt: skip
    assert row == ["web", "1/2", "Running", "2 (5m ago)", "24h", "10.0.0.1", "n1", "<none>", "<none>"]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({}, ""),
        ({"phase": "Pending", "reason": "Evicted"}, "Evicted"),
        ({"phase": "Running", "containerStatuses": [{"state": {"waiting": {"reason": "Oops"}}}, RUNNING]}, "Oops"),
        ({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 2}}}]}, "ExitCode:2"),
        ({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {}}]}, "Init:0/0"),
    ],
)
def test_reasons(status: dict[str, Any], told: str) -> None:
    """What holds a pod up is its status, however little is known."""
    assert _pod(**status)[2] == told


def test_a_pod_that_goes() -> None:
    """It terminates, unless it has ended or its node is lost."""
    for status, told in (
        ({"phase": "Running"}, "Terminating"),
        ({"phase": "Succeeded"}, "Succeeded"),
        ({"reason": "NodeLost"}, "Unknown"),
    ):
        assert cells("", "pods", metadata={"deletionTimestamp": DAY_OLD}, status=status)[2] == told
