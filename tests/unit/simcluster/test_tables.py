"""Cells of tables."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.simcluster.resources import Registry, Resource
from fairlead.simcluster.tables import cells, columns_of, human_duration, value_at

NOW = 1_800_000_000.0
CREATED = "2027-01-15T07:58:00Z"
METADATA = {"name": "a", "creationTimestamp": CREATED}


def _row(key: str, obj: dict[str, Any]) -> dict[str, Any]:
    resource = Registry().by_key(key)
    assert resource is not None
    names = [column.name for column in columns_of(resource)]
    return dict(zip(names, cells(resource, {"metadata": METADATA, **obj}, NOW), strict=True))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (119, "119s"),
        (120, "2m"),
        (599, "9m59s"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600, "8h"),
        (48 * 3600 - 1, "47h"),
        (50 * 3600, "2d2h"),
        (8 * 86400, "8d"),
        (730 * 86400, "2y"),
        (800 * 86400, "2y70d"),
        (3650 * 86400, "10y"),
    ],
)
def test_durations_are_short(seconds: int, text: str) -> None:
    """As kubectl writes ages."""
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("path", "value"), [(".a.b", 1), (".list[1].x", 2), (".list[9].x", None), (".a.b.c", None), ("", {"a": {"b": 1}})]
)
def test_paths_lead_to_values_or_nowhere(path: str, value: Any) -> None:
    """Without raising."""
    obj = {"a": {"b": 1}} if not path else {"a": {"b": 1}, "list": [{}, {"x": 2}]}

    assert value_at(obj, path) == value


@pytest.mark.parametrize(
    ("state", "deleted", "status"),
    [
        ({"running": {}}, False, "Running"),
        ({"waiting": {"reason": "ImagePullBackOff"}}, False, "ImagePullBackOff"),
        ({"terminated": {"reason": "Completed"}}, False, "Completed"),
        ({"running": {}}, True, "Terminating"),
    ],
)
def test_pods_show_their_trouble(state: dict[str, Any], deleted: bool, status: str) -> None:
    """The containers' reason before the phase, and the end before all."""
    ended = {"terminated": {"finishedAt": CREATED}}
    container = {"ready": True, "restartCount": 2, "state": state, "lastState": ended}
    metadata = {**METADATA, **({"deletionTimestamp": CREATED} if deleted else {})}
    row = _row(
        "pods",
        {
            "metadata": metadata,
            "spec": {"containers": [{}, {}]},
            "status": {"phase": "Running", "containerStatuses": [container]},
        },
    )

    assert (row["Ready"], row["Status"], row["Restarts"], row["Age"]) == ("1/2", status, "2 (2m ago)", "2m")


@pytest.mark.parametrize(
    ("conditions", "status"), [([], "Running"), (["Complete"], "Complete"), (["Failed"], "Failed")]
)
def test_jobs_show_how_they_fare(conditions: list[str], status: str) -> None:
    """And how long they took."""
    made = [{"type": kind, "status": "True"} for kind in conditions]
    row = _row("jobs.batch", {"spec": {"completions": 2}, "status": {"conditions": made, "startTime": CREATED}})

    assert (row["Status"], row["Completions"], row["Duration"]) == (status, "0/2", "2m")


def test_others_show_what_matters() -> None:
    """Services, ingresses, revisions, nodes, cron jobs; a kind without columns shows when it was made."""
    port = {"port": 80, "nodePort": 30080}
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "controller": True}
    rule = {"host": "shop.example"}

    assert _row("services", {"spec": {"ports": [port]}})["Port(s)"] == "80:30080/TCP"
    assert _row("ingresses.networking.k8s.io", {"spec": {"rules": [rule], "tls": [{}]}})["Ports"] == "80, 443"
    revision = _row("controllerrevisions.apps", {"metadata": {**METADATA, "ownerReferences": [owner]}, "revision": 2})
    assert (revision["Controller"], revision["Revision"]) == ("daemonset.apps/agent", 2)
    assert _row("nodes", {"spec": {"unschedulable": True}})["Status"] == "Unknown,SchedulingDisabled"
    assert _row("cronjobs.batch", {"spec": {"schedule": "* * * * *"}})["Last Schedule"] == "<none>"
    assert _row("leases.coordination.k8s.io", {}) == {"Name": "a", "Created At": CREATED}


def test_custom_resources_without_columns_show_their_age() -> None:
    """With them, what their paths lead to."""
    column = {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
    bare = Resource("shop.example", "v1", "widgets", "Widget", namespaced=True, custom=True)
    rich = Resource("shop.example", "v1", "widgets", "Widget", namespaced=True, custom=True, columns=(column,))
    obj = {"metadata": METADATA, "spec": {"size": 3}}

    assert cells(bare, obj, NOW) == ["a", "2m"]
    assert cells(rich, obj, NOW) == ["a", 3]
