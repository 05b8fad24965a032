"""Requests are classed by their verb alone."""

from __future__ import annotations

import pytest

from fairlead.kube.paths import verb_of


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/api/v1/pods", "list"),
        ("GET", "/api/v1/pods?limit=500&continue=x", "list"),
        ("GET", "/api/v1/pods?watch=1&resourceVersion=7", "watch"),
        ("GET", "/api/v1/pods?watch=true", "watch"),
        ("GET", "/api/v1/pods?watch=0", "list"),
        ("GET", "/api/v1/namespaces/shop/pods", "list"),
        ("GET", "/api/v1/namespaces/shop/pods/web?x=1", "get"),
        ("GET", "/api/v1/namespaces/shop/pods/web/log", "get"),
        ("GET", "/api/v1/namespaces", "list"),
        ("GET", "/api/v1/namespaces/shop", "get"),
        ("PUT", "/api/v1/namespaces/shop/finalize", "update"),
        ("GET", "/apis/apps/v1/deployments", "list"),
        ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web/scale", "patch"),
        ("POST", "/apis/apps/v1/namespaces/shop/deployments", "create"),
        ("DELETE", "/apis/apps/v1/namespaces/shop/deployments/web", "delete"),
        ("DELETE", "/apis/apps/v1/namespaces/shop/deployments", "deletecollection"),
        ("HEAD", "/api", "get"),
        ("GET", "/apis/apps/v1", "get"),
        ("GET", "/version", "get"),
        ("GET", "/openapi/v3/apis/apps/v1", "get"),
        ("BREW", "/api/v1/pods", "other"),
    ],
)
def test_a_request_is_named_by_its_verb(method: str, target: str, expected: str) -> None:
    """As RBAC calls it; neither resources nor names nor queries show."""
    assert verb_of(method, target) == expected
