"""ControllerRevisions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.simcluster.calls import MERGE, Hands, workload

REVISIONS = "/apis/apps/v1/namespaces/default/controllerrevisions"


def _roll(hands: Hands, plural: str, label: str) -> None:
    patch = {"spec": {"template": {"metadata": {"labels": {"v": label}}}}}
    path = f"/apis/apps/v1/namespaces/default/{plural}/web"
    assert hands.call("PATCH", path, patch, content_type=MERGE)[0] == 200
    hands.settle(5.0)


def _known(hands: Hands) -> dict[int, dict[str, Any]]:
    return {each["revision"]: each for each in hands.get(REVISIONS)["items"]}


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_each_template_is_a_revision(kind: str) -> None:
    """An old one that comes back is renumbered, not doubled."""
    hands, plural = Hands(), f"{kind.lower()}s"
    manifest = workload(kind, "web")
    manifest["spec"]["template"]["metadata"] = {"labels": {"app": "web", "v": "1"}}
    hands.call("POST", f"/apis/apps/v1/namespaces/default/{plural}", manifest)
    hands.settle(5.0)
    first = _known(hands)[1]
    _roll(hands, plural, "2")
    between = set(_known(hands))
    _roll(hands, plural, "1")

    assert between == {1, 2}
    assert set(_known(hands)) == {2, 3}
    assert _known(hands)[3]["metadata"]["name"] == first["metadata"]["name"]
    assert first["metadata"]["ownerReferences"][0]["kind"] == kind


def test_old_revisions_are_forgotten() -> None:
    """As many stay as the limit says, beside the present one."""
    hands = Hands()
    manifest = workload("StatefulSet", "web")
    manifest["spec"]["revisionHistoryLimit"] = 1
    hands.call("POST", "/apis/apps/v1/namespaces/default/statefulsets", manifest)
    hands.settle(5.0)
    for label in ("2", "3", "4"):
        _roll(hands, "statefulsets", label)

    assert set(_known(hands)) == {3, 4}


def test_the_status_knows_both_revisions() -> None:
    """The present one stays until all pods are of the new one."""
    hands = Hands()
    path = "/apis/apps/v1/namespaces/default/statefulsets"
    hands.call("POST", path, workload("StatefulSet", "web", 2))
    hands.settle(5.0)
    old = hands.get(f"{path}/web")["status"]["currentRevision"]
    patch = {"spec": {"template": {"metadata": {"labels": {"v": "2"}}}}}
    hands.call("PATCH", f"{path}/web", patch, content_type=MERGE)
    hands.settle(0.2)
    status = hands.get(f"{path}/web")["status"]
    hands.settle(9.0)

    assert (status["currentRevision"], status["updateRevision"] != old) == (old, True)
    assert hands.get(f"{path}/web")["status"]["currentRevision"] == status["updateRevision"]
