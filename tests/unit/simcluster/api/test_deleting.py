"""Grace periods and default propagation."""

from __future__ import annotations

import pytest
from tests.unit.simcluster.calls import MAPS, PODS, Hands, config_map

from fairlead.simcluster.api.deleting import delete_options
from fairlead.simcluster.api.routes import Request

CONTAINERS = [{"name": "c", "image": "x:1"}]


@pytest.mark.parametrize(
    ("query", "body", "propagation", "grace"),
    [
        ({}, b"", "", None),
        ({"propagationPolicy": "Foreground", "gracePeriodSeconds": "0"}, b"", "Foreground", 0),
        ({}, b'{"propagationPolicy":"Orphan","gracePeriodSeconds":5}', "Orphan", 5),
        ({"orphanDependents": "true"}, b"", "Orphan", None),
        ({}, b'{"orphanDependents":false}', "Background", None),
    ],
)
def test_options_come_from_body_or_query(
    query: dict[str, str], body: bytes, propagation: str, grace: int | None
) -> None:
    """The old orphanDependents too."""
    options = delete_options(Request("DELETE", "/", query, body=body))

    assert (options.propagation, options.grace_period_s) == (propagation, grace)


def test_a_pod_on_a_node_has_grace() -> None:
    """Thirty seconds, less when asked, none when forced; then it is gone."""
    hands = Hands()
    hands.call("POST", PODS, {"metadata": {"name": "p"}, "spec": {"nodeName": "n", "containers": CONTAINERS}})
    _, first = hands.call("DELETE", f"{PODS}/p")
    _, shorter = hands.call("DELETE", f"{PODS}/p?gracePeriodSeconds=10")
    _, longer = hands.call("DELETE", f"{PODS}/p?gracePeriodSeconds=20")
    code, forced = hands.call("DELETE", f"{PODS}/p?gracePeriodSeconds=0")

    periods = [each["metadata"]["deletionGracePeriodSeconds"] for each in (first, shorter, longer)]
    assert periods == [30, 10, 10]
    assert first["metadata"]["generation"] == 2
    assert (code, forced["kind"]) == (200, "Pod")
    assert hands.names(PODS) == []


def test_a_pod_without_a_node_goes_at_once() -> None:
    """And comes back as it was last."""
    hands = Hands()
    hands.call("POST", PODS, {"metadata": {"name": "p"}, "spec": {"containers": CONTAINERS}})
    _, gone = hands.call("DELETE", f"{PODS}/p")

    assert gone["metadata"]["deletionGracePeriodSeconds"] == 0
    assert hands.names(PODS) == []


def test_jobs_orphan_unless_asked() -> None:
    """As batch/v1 does."""
    hands = Hands()
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    hands.call("POST", jobs, {"metadata": {"name": "j"}, "spec": {"template": {"spec": {"containers": CONTAINERS}}}})
    _, answer = hands.call("DELETE", f"{jobs}/j")

    assert answer["metadata"]["finalizers"] == ["orphan"]


def test_a_dry_delete_keeps_everything() -> None:
    """By query or body."""
    hands = Hands()
    hands.call("POST", MAPS, config_map("a"))
    hands.call("DELETE", f"{MAPS}/a?dryRun=All")
    hands.call("DELETE", f"{MAPS}/a", {"dryRun": ["All"]})

    assert hands.names(MAPS) == ["a"]
