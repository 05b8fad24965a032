"""What the tests install: every overlay, with components on top in the order that the README asks for; values of charts."""

from __future__ import annotations

from tests.support.manifests import KUBERNETES, Composition, Manifest

OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
COMPONENTS = {
    str(path.parent.relative_to(KUBERNETES / "components"))
    for path in KUBERNETES.glob("components/**/kustomization.yaml")
}
COMPOSITIONS = [
    *(Composition(overlay) for overlay in OVERLAYS),
    Composition("agent", ("one-process-agent",)),
    Composition("agent", ("one-process-agent", "rbac-namespace", "rbac-read-only", "mtls/agent", "tracing")),
    Composition("agent", ("in-cluster", "rbac-namespace", "mtls/agent", "network-policies", "service-monitors")),
    Composition("agent", ("rbac-namespace", "rbac-read-only")),
    Composition("agent", ("rbac-read-only", "high-availability", "tracing")),
    Composition("infrastructure", ("one-process-agent", "kubeconfigs")),
    Composition("infrastructure", ("mtls/agent", "tracing", "high-availability")),
    Composition("gateway", ("mtls/gateway", "tracing", "high-availability", "service-monitors", "network-policies")),
]
OF_OTHERS = {"PodMonitor"}
"""Kinds that a plain cluster does not know."""

LINK = {"clouddriver": {"grpc": "gateway.example.com:9091"}}
AGENT = {"config": {**LINK, "kubernetes": {"accounts": [{"name": "my-cluster", "serviceAccount": True}]}}}
GATEWAY = {"config": {"gateway": {"database": {"poolSize": 8}}}}
"""Values of the charts that say what the overlays' files of settings say."""
EVERYTHING: Manifest = {
    "env": [{"name": "HTTPS_PROXY", "value": "proxy.example.com:8080"}],
    "image": {
        "repository": "registry.example.com/fairlead",
        "tag": "1.2.3",
        "imagePullPolicy": "Always",
        "imagePullSecrets": "registry",
    },
    "podLabels": {"team": "delivery"},
    "podAnnotations": {"example.com/scrape": "true"},
    "podMonitor": True,
    "mtls": True,
}
"""Values that both charts take, none as it is by default."""
