"""Paths are classed without names."""

from __future__ import annotations

import pytest

from fairlead.kube.paths import path_class


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/pods", "pods"),
        ("/api/v1/namespaces/shop/pods/web?x=1", "pods"),
        ("/api/v1/namespaces/shop/pods/web/log", "pods/log"),
        ("/api/v1/namespaces", "namespaces"),
        ("/api/v1/namespaces/shop", "namespaces"),
        ("/api/v1/namespaces/shop/finalize", "namespaces/finalize"),
        ("/apis/apps/v1/namespaces/shop/deployments/web/scale", "deployments.apps/scale"),
        ("/apis/apps/v1/deployments", "deployments.apps"),
        ("/api", "discovery"),
        ("/apis/apps/v1", "discovery"),
        ("/version", "version"),
        ("/openapi/v3/apis/apps/v1", "openapi"),
    ],
)
def test_a_path_is_named_by_resource_and_subresource(path: str, expected: str) -> None:
    """Neither namespaces nor names nor queries show."""
    assert path_class(path) == expected
