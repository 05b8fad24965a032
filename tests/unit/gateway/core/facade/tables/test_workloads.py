"""Workloads."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.tables import DAY_OLD, cells

TEMPLATE = {"spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:2"}]}}
SPEC: dict[str, Any] = {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}
WIDE = ["a,b", "x:1,y:2", "app=web"]


@pytest.mark.parametrize(
    ("plural", "status", "row"),
    [
        ("deployments", {"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1}, ["2/3", 3, 1, "24h", *WIDE]),
        ("replicasets", {"replicas": 2, "readyReplicas": 1}, [3, 2, 1, "24h", *WIDE]),
        ("statefulsets", {"readyReplicas": 1}, ["1/3", "24h", *WIDE[:2]]),
        (
            "daemonsets",
            {"desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3, "updatedNumberScheduled": 2, "numberAvailable": 1},
            [5, 4, 3, 2, 1, "<none>", "24h", *WIDE],
        ),
    ],
)  # fmt: skip
def test_replicated(plural: str, status: dict[str, Any], row: list[Any]) -> None:
    """How many there are of how many."""
    assert cells("apps", plural, spec=SPEC, status=status) == ["web", *row]


def test_nothing_known_yet() -> None:
    """An object without a status counts nothing."""
    assert cells("apps", "deployments", spec=SPEC)[1:4] == ["0/3", 0, 0]


@pytest.mark.parametrize(
    ("conditions", "metadata", "told"),
    [
        (["Complete"], {}, "Complete"),
        (["FailureTarget", "Failed"], {}, "Failed"),
        (["FailureTarget"], {}, "FailureTarget"),
        (["SuccessCriteriaMet"], {}, "SuccessCriteriaMet"),
        (["Suspended"], {}, "Suspended"),
        (["Suspended"], {"deletionTimestamp": DAY_OLD}, "Terminating"),
        ([], {}, "Running"),
    ],
)
def test_jobs(conditions: list[str], metadata: dict[str, Any], told: str) -> None:
    """Their conditions tell."""
    status = {"conditions": [{"type": each, "status": "True"} for each in conditions], "succeeded": 1}
    assert cells("batch", "jobs", metadata=metadata, spec={"completions": 4}, status=status)[1:3] == [told, "1/4"]


def test_how_long_a_job_took() -> None:
    """Up to its completion, or to now."""
    status = {"startTime": "2026-03-01T11:00:00Z"}
    assert cells("batch", "jobs", status=status)[3] == "60m"
    assert cells("batch", "jobs", status=status | {"completionTime": "2026-03-01T11:00:30Z"})[3] == "30s"
    assert cells("batch", "jobs", spec={"parallelism": 3})[2:4] == ["0/1 of 3", ""]


def test_cron_jobs() -> None:
    """When they ran last, and whether they rest."""
    spec = {"schedule": "* * * * *", "suspend": False, "jobTemplate": {"spec": {"template": TEMPLATE}}}
    status = {"active": [{"name": "a"}], "lastScheduleTime": "2026-03-01T11:59:30Z"}
    row = ["web", "* * * * *", "<none>", "False", 1, "30s", "24h", "a,b", "x:1,y:2", "<none>"]
    assert cells("batch", "cronjobs", spec=spec, status=status) == row
    assert cells("batch", "cronjobs")[3] == "<unset>"
