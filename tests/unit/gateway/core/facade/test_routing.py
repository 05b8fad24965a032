"""Who answers."""

from __future__ import annotations

import pytest

from fairlead.gateway.core.facade.routing import Source, lasts, reads, source_of
from fairlead.gateway.core.facade.statuses import Refusal
from fairlead.gateway.core.facade.targets import target_of

PODS, POD = "/api/v1/namespaces/a/pods", "/api/v1/namespaces/a/pods/p"


def routed(method: str, path: str, *, watching: bool = False, **headers: str) -> Source:
    """Route a request; header names have underscores here."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return source_of(method, path, target_of(method, path, watching=watching), named)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("/", Source.DISCOVERY), ("/api", Source.DISCOVERY), ("/apis", Source.DISCOVERY), ("/api/v1", Source.DISCOVERY),
        ("/apis/apps", Source.DISCOVERY), ("/apis/apps/v1", Source.DISCOVERY), ("/version", Source.DISCOVERY),
        ("/openapi/v2", Source.OPENAPI), ("/openapi/v3", Source.OPENAPI), ("/openapi/v3/apis/apps/v1", Source.OPENAPI),
        ("/healthz", Source.TUNNEL), ("/livez", Source.TUNNEL), ("/readyz/etcd", Source.TUNNEL), ("/metrics", Source.TUNNEL),
    ],
)  # fmt: skip
def test_paths_without_a_resource(path: str, source: Source) -> None:
    """Documents answer discovery and schemas, the cluster all else."""
    assert routed("GET", path) is source


@pytest.mark.parametrize(
    ("headers", "source"),
    [
        ({}, Source.STORE),
        ({"kubectl_command": "kubectl get"}, Source.STORE),
        ({"kubectl_command": "kubectl delete"}, Source.TUNNEL),
        ({"kubectl_command": "kubectl rollout status"}, Source.TUNNEL),
        ({"kubectl_command": "kubectl get", "fairlead_read": "live"}, Source.TUNNEL),
        ({"kubectl_command": "kubectl delete", "fairlead_read": "cached"}, Source.STORE),
    ],
)
@pytest.mark.parametrize("watching", [False, True])
def test_lists_and_watches_are_cached_but_for_commands_that_act(
    headers: dict[str, str], source: Source, watching: bool
) -> None:
    """The header of kubectl decides, and ours above it; a list and its watch have the same source."""
    assert routed("GET", PODS, watching=watching, **headers) is source


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", POD), ("GET", f"{POD}/log"), ("GET", "/api/v1/namespaces/a"), ("HEAD", PODS), ("POST", PODS), ("PUT", POD),
     ("PATCH", POD), ("DELETE", POD), ("DELETE", PODS), ("GET", "/api/v1/watch/pods"),
     ("GET", "/apis/metrics.k8s.io/v1beta1/namespaces/a/pods/p")],
)  # fmt: skip
def test_everything_else_is_live(method: str, path: str) -> None:
    """Named gets, writes, subresources, watches in the old form: even for those who would take what is cached."""
    assert routed(method, path, fairlead_read="cached") is Source.TUNNEL


@pytest.mark.parametrize("what", ["exec", "attach", "portforward", "proxy"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_connections_are_not_carried(what: str, method: str) -> None:
    """The answer says so for good; a request to upgrade likewise."""
    with pytest.raises(Refusal, match=what) as refused:
        routed(method, f"{POD}/{what}")
    assert refused.value.status.code == 501
    with pytest.raises(Refusal) as refused:
        routed("GET", PODS, upgrade="websocket")
    assert refused.value.status.code == 501


def test_what_cannot_be_meant() -> None:
    """A source that there is not; a write where only reading makes sense."""
    with pytest.raises(Refusal, match="live") as refused:
        routed("GET", PODS, fairlead_read="both")
    assert refused.value.status.code == 400
    with pytest.raises(Refusal) as refused:
        routed("POST", "/apis")
    assert refused.value.status.code == 405


def test_what_lasts() -> None:
    """Watches and logs, as at the API server."""
    assert lasts(target_of("GET", PODS, watching=True))
    assert lasts(target_of("GET", f"{POD}/log", watching=False))
    assert not lasts(target_of("GET", PODS, watching=False))
    assert not lasts(None)


def test_what_only_reads() -> None:
    """By the verb of a resource, else by the method."""
    assert reads("GET", target_of("GET", PODS, watching=True))
    assert reads("HEAD", None)
    assert not reads("POST", target_of("POST", PODS, watching=False))
    assert not reads("POST", None)
