"""Routing of requests to handlers."""

from __future__ import annotations

import pytest
from tests.unit.simcluster.calls import DEPLOYMENTS, MAPS, Hands, config_map

from fairlead.simcluster.api.answers import Answer


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/readyz", 200),
        ("GET", "/openapi/v3", 200),
        ("GET", "/nothing", 404),
        ("POST", "/version", 405),
        ("POST", "/api/v1/pods", 405),
        ("DELETE", "/api/v1/namespaces", 405),
        ("GET", "/api/v1/namespaces/default/nodes", 404),
        ("GET", "/apis/authentication.k8s.io/v1/selfsubjectreviews", 405),
        ("DELETE", f"{MAPS}/a/status", 404),
        ("DELETE", f"{DEPLOYMENTS}/a/status", 405),
    ],
)
def test_codes_at_the_edges(method: str, path: str, code: int) -> None:
    """What is no resource, or not to be done with it."""
    answer = Hands().answer(method, path)

    assert isinstance(answer, Answer)
    assert answer.code == code


def test_access_reviews_say_yes() -> None:
    """The sim grants what it does not refuse by script."""
    spec = {"resourceAttributes": {"verb": "list", "resource": "pods"}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    code, review = Hands().call("POST", path, {"spec": spec})

    assert (code, review["status"], review["spec"]) == (201, {"allowed": True}, spec)


def test_protobuf_is_not_spoken() -> None:
    """415."""
    answer = Hands().call("POST", MAPS, b"k8s\0", content_type="application/vnd.kubernetes.protobuf")

    assert answer[0] == 415


def test_collections_are_deleted_as_listed() -> None:
    """The list is of before."""
    hands = Hands()
    for name in "ab":
        hands.call("POST", MAPS, config_map(name))
    _, listed = hands.call("DELETE", MAPS)

    assert len(listed["items"]) == 2
    assert hands.names(MAPS) == []
