"""What paths of the Kubernetes API name."""

from __future__ import annotations

import pytest

from fairlead.gateway.core.facade.targets import MalformedPath, Target, Verb, is_true, target_of

APPS = ("apps", "v1")
CORE = ("", "v1")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/pods", Target(Verb.LIST, *CORE, "pods")),
        ("GET", "/api/v1/pods/", Target(Verb.LIST, *CORE, "pods")),
        ("GET", "/api/v1/namespaces/a/pods", Target(Verb.LIST, *CORE, "pods", "a")),
        ("HEAD", "/api/v1/namespaces/a/pods/p", Target(Verb.GET, *CORE, "pods", "a", "p")),
        ("GET", "/api/v1/namespaces/a/pods/p/log", Target(Verb.GET, *CORE, "pods", "a", "p", "log")),
        ("GET", "/api/v1/namespaces/a/pods/p/proxy/x/y", Target(Verb.GET, *CORE, "pods", "a", "p", "proxy")),
        ("GET", "/api/v1/namespaces", Target(Verb.LIST, *CORE, "namespaces")),
        ("GET", "/api/v1/namespaces/a", Target(Verb.GET, *CORE, "namespaces", "a", "a")),
        ("PUT", "/api/v1/namespaces/a/finalize", Target(Verb.UPDATE, *CORE, "namespaces", "a", "a", "finalize")),
        ("GET", "/api/v1/namespaces/a/status", Target(Verb.GET, *CORE, "namespaces", "a", "a", "status")),
        ("GET", "/api/v1/nodes/n", Target(Verb.GET, *CORE, "nodes", "", "n")),
        ("POST", "/apis/apps/v1/namespaces/a/deployments", Target(Verb.CREATE, *APPS, "deployments", "a")),
        ("PUT", "/apis/apps/v1/namespaces/a/deployments/d", Target(Verb.UPDATE, *APPS, "deployments", "a", "d")),
        ("PATCH", "/apis/apps/v1/namespaces/a/deployments/d/scale",
         Target(Verb.PATCH, *APPS, "deployments", "a", "d", "scale")),
        ("DELETE", "/apis/apps/v1/namespaces/a/deployments/d", Target(Verb.DELETE, *APPS, "deployments", "a", "d")),
        ("DELETE", "/apis/apps/v1/namespaces/a/deployments", Target(Verb.DELETE_COLLECTION, *APPS, "deployments", "a")),
        ("GET", "/api/v1/watch/pods", Target(Verb.WATCH, *CORE, "pods", by_prefix=True)),
        ("GET", "/apis/apps/v1/watch/namespaces/a/deployments/d",
         Target(Verb.WATCH, *APPS, "deployments", "a", "d", by_prefix=True)),
    ],
)  # fmt: skip
def test_paths_of_resources(method: str, path: str, expected: Target) -> None:
    """As the API server reads them (k8s.io/apiserver, requestinfo_test.go, in our words)."""
    assert target_of(method, path, watching=False) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/apis",
        "/apis/apps",
        "/apis/apps/v1",
        "/version",
        "/openapi/v3/apis/apps/v1",
        "/a/b/c/d",
    ],
)
def test_other_paths(path: str) -> None:
    """Discovery, health and everything else is about no resource."""
    assert target_of("GET", path, watching=True) is None


def test_the_query_makes_a_list_a_watch_and_nothing_else() -> None:
    """A named get with ``watch=true`` stays a get, as at the API server."""
    assert target_of("GET", "/api/v1/pods", watching=True) == Target(Verb.WATCH, *CORE, "pods")
    assert target_of("GET", "/api/v1/namespaces/a/pods/p", watching=True) == Target(Verb.GET, *CORE, "pods", "a", "p")
    assert target_of("DELETE", "/api/v1/pods", watching=True) == Target(Verb.DELETE_COLLECTION, *CORE, "pods")


@pytest.mark.parametrize("path", ["/api/v1/../../etc", "/api/v1/pods/./x", "/api//v1/pods", "/a/..", "/.."])
def test_no_path_leaves_its_place(path: str) -> None:
    """Steps of dots and empty ones name nothing; whoever joins paths could be led elsewhere by them."""
    with pytest.raises(MalformedPath):
        target_of("GET", path, watching=False)


def test_resources_are_named_with_their_group() -> None:
    """As messages of the API server do."""
    assert Target(Verb.GET, *APPS, "deployments").resource == "deployments.apps"
    assert Target(Verb.GET, *CORE, "pods").resource == "pods"


@pytest.mark.parametrize(
    ("value", "meant"),
    [("1", True), ("true", True), ("", True), ("perhaps", True), ("0", False), ("false", False), ("False", False)],
)
def test_flags_are_read_as_the_api_server_reads_them(value: str, meant: bool) -> None:
    """Which takes nearly everything for a yes."""
    assert is_true(value) is meant
