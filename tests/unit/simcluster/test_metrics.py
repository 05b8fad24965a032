"""Usage of pods and nodes."""

from __future__ import annotations

from tests.unit.simcluster.calls import PODS, Hands

from fairlead.simcluster import metrics

GROUP = "/apis/metrics.k8s.io/v1beta1"
POD = {"metadata": {"name": "a", "labels": {"x": "y"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}


def _hands() -> Hands:
    hands = Hands()
    metrics.serve(hands.state.registry)
    hands.call("POST", PODS, POD)
    return hands


def test_only_what_runs_uses_something() -> None:
    """404 until the pod is up; containers by name, in units that kubectl reads."""
    hands = _hands()
    early = hands.call("GET", f"{GROUP}/namespaces/default/pods/a")[0]
    hands.settle(2.0)
    pod = hands.get(f"{GROUP}/namespaces/default/pods/a")

    assert early == 404
    assert (pod["kind"], pod["metadata"]["namespace"]) == ("PodMetrics", "default")
    [container] = pod["containers"]
    assert container["name"] == "c"
    assert container["usage"]["cpu"].endswith("n")
    assert container["usage"]["memory"].endswith("Ki")
    assert hands.call("GET", f"{GROUP}/nodes/node-0")[0] == 200


def test_lists_obey_selectors_and_scopes() -> None:
    """Labels and namespaces."""
    hands = _hands()
    hands.settle(2.0)

    assert len(hands.get(f"{GROUP}/pods")["items"]) == 1
    assert len(hands.get(f"{GROUP}/pods?labelSelector=x%3Dy".replace("%3D", "!="))["items"]) == 0
    assert hands.get(f"{GROUP}/namespaces/other/pods")["items"] == []


def test_it_can_only_be_read_and_switched_off() -> None:
    """405 for a write or a watch, 404 without the server."""
    hands = _hands()

    assert hands.call("POST", f"{GROUP}/namespaces/default/pods", POD)[0] == 405
    assert hands.call("GET", f"{GROUP}/pods?watch=1")[0] == 405
    metrics.serve(hands.state.registry, on=False)
    assert hands.answer("GET", f"{GROUP}/pods").code == 404  # type: ignore[union-attr]
    assert "metrics.k8s.io" not in hands.state.registry.groups()
