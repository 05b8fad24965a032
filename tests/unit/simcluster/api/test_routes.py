"""Paths and verbs."""

from __future__ import annotations

import pytest

from fairlead.simcluster.api.routes import ANONYMOUS, Request, Target, parse_target, verb_of
from fairlead.simcluster.errors import PlainNotFoundError


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/api/v1/pods", Target("", "v1", "pods")),
        ("/api/v1/namespaces/x/pods/p/status", Target("", "v1", "pods", "x", "p", "status")),
        ("/api/v1/namespaces", Target("", "v1", "namespaces")),
        ("/api/v1/namespaces/x", Target("", "v1", "namespaces", "", "x")),
        ("/api/v1/namespaces/x/status", Target("", "v1", "namespaces", "", "x", "status")),
        ("/apis/apps/v1/namespaces/x/deployments", Target("apps", "v1", "deployments", "x")),
        ("/apis/apps/v1/deployments/", Target("apps", "v1", "deployments")),
        ("/apis/apps/v1", None),
        ("/apis/apps", None),
        ("/api/v1", None),
        ("/version", None),
    ],
)
def test_paths(path: str, target: Target | None) -> None:
    """What a path names."""
    assert parse_target(path) == target


def test_too_long_paths_name_nothing() -> None:
    """As the server's router has it."""
    with pytest.raises(PlainNotFoundError):
        parse_target("/api/v1/namespaces/x/pods/p/proxy/deep/path")


@pytest.mark.parametrize(
    ("method", "path", "query", "verb"),
    [
        ("GET", "/api/v1/pods", {}, "list"),
        ("GET", "/api/v1/pods", {"watch": "true"}, "watch"),
        ("GET", "/api/v1/namespaces/x/pods/p", {"watch": "1"}, "get"),
        ("POST", "/api/v1/namespaces/x/pods", {}, "create"),
        ("PUT", "/api/v1/namespaces/x/pods/p", {}, "update"),
        ("PATCH", "/api/v1/namespaces/x/pods/p", {}, "patch"),
        ("DELETE", "/api/v1/namespaces/x/pods/p", {}, "delete"),
        ("DELETE", "/api/v1/namespaces/x/pods", {}, "deletecollection"),
        ("PUT", "/api/v1/pods", {}, ""),
    ],
)
def test_verbs(method: str, path: str, query: dict[str, str], verb: str) -> None:
    """As authorization names them."""
    target = parse_target(path)
    assert target is not None
    assert verb_of(Request(method, path, query), target) == verb


def test_targets_have_a_key() -> None:
    """Plural and group; anonymous is a user."""
    assert Target("apps", "v1", "deployments").key == "deployments.apps"
    assert Target("", "v1", "pods").key == "pods"
    assert ANONYMOUS.anonymous
