"""Patches at the edges."""

from __future__ import annotations

import pytest
from tests.unit.simcluster.calls import DEPLOYMENTS, MAPS, MERGE, Hands, config_map, workload

from fairlead.simcluster.api.patching import APPLY_PATCH, JSON_PATCH, STRATEGIC_PATCH, decode_object
from fairlead.simcluster.errors import StatusError


def test_a_body_is_an_object() -> None:
    """Null counts as an empty one; anything else is a 400."""
    assert decode_object(b"null", "Pod") == {}
    for body in (b"", b"[]", b"{", b'"x"'):
        with pytest.raises(StatusError) as caught:
            decode_object(body, "Pod")
        assert caught.value.code == 400


@pytest.mark.parametrize(
    ("content_type", "body"), [(MERGE, b"{"), (MERGE, b"[]"), (STRATEGIC_PATCH, b"[]"), (JSON_PATCH, b"{}")]
)
def test_malformed_patches_are_bad_requests(content_type: str, body: bytes) -> None:
    """400."""
    hands = Hands()
    hands.call("POST", MAPS, config_map("a"))

    assert hands.call("PATCH", f"{MAPS}/a", body, content_type=content_type)[0] == 400


def test_apply_may_state_version_and_uid() -> None:
    """409 when they are others."""
    hands = Hands()
    _, made = hands.call("POST", MAPS, config_map("a"))
    for wrong in ({"resourceVersion": "1"}, {"uid": "other"}):
        manifest = config_map("a")
        manifest["metadata"] |= wrong
        answer = hands.call("PATCH", f"{MAPS}/a?fieldManager=m", manifest, content_type=APPLY_PATCH)
        assert answer[0] == 409
    right = config_map("a", x="1")
    right["metadata"] |= {name: made["metadata"][name] for name in ("uid", "resourceVersion")}
    assert hands.call("PATCH", f"{MAPS}/a?fieldManager=m", right, content_type=APPLY_PATCH)[0] == 200


def test_apply_does_not_take_managed_fields() -> None:
    """400."""
    hands = Hands()
    manifest = config_map("a")
    manifest["metadata"]["managedFields"] = [{"manager": "x"}]

    assert hands.call("PATCH", f"{MAPS}/a?fieldManager=m", manifest, content_type=APPLY_PATCH)[0] == 400


def test_status_cannot_be_applied_before_the_object() -> None:
    """404."""
    hands = Hands()
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "status": {}}

    answer = hands.call("PATCH", f"{DEPLOYMENTS}/web/status?fieldManager=m", manifest, content_type=APPLY_PATCH)
    assert answer[0] == 404


def test_a_scale_states_the_version_it_is_for() -> None:
    """409 when the workload has moved on."""
    hands = Hands()
    hands.call("POST", DEPLOYMENTS, workload("Deployment", "web"))
    scale = hands.get(f"{DEPLOYMENTS}/web/scale")
    hands.call("PATCH", f"{DEPLOYMENTS}/web", {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)
    scale["spec"]["replicas"] = 3

    assert hands.call("PUT", f"{DEPLOYMENTS}/web/scale", scale)[0] == 409
    del scale["metadata"]["resourceVersion"]
    assert hands.call("PUT", f"{DEPLOYMENTS}/web/scale", scale)[1]["spec"] == {"replicas": 3}
