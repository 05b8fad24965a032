"""The manifests against the schemas of the oldest and the newest Kubernetes that they are for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.contract.manifests.compositions import AGENT, COMPOSITIONS, EVERYTHING, GATEWAY
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.kubernetes_schemas import Finding, judge, write_custom_schemas, write_schemas
from tests.support.manifests import Helm, Kustomize, Manifest, built, objects
from tools.parts.build import kubeconform, schemas

pytestmark = pytest.mark.real

KINDS = {
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "Deployment",
    "Namespace",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Role",
    "RoleBinding",
    "Service",
    "ServiceAccount",
    "StatefulSet",
}
"""What the manifests consist of, beside the PodMonitors of the Prometheus operator."""
SPREAD_BY_HASH: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "newer"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {
                "containers": [{"name": "a", "image": "a"}],
                "topologySpreadConstraints": [
                    {
                        "maxSkew": 1,
                        "topologyKey": "a",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "matchLabelKeys": ["a"],
                    }
                ],
            },
        },
    },
}
"""Has a field of Kubernetes 1.25."""


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Schemas of the oldest Kubernetes, from its own sources."""
    directory = tmp_path_factory.mktemp("oldest")
    write_schemas(json.loads((built(schemas()) / "oldest.json").read_bytes()), directory, KINDS)
    write_custom_schemas(_pod_monitors(), directory)
    return directory


@pytest.fixture(scope="module")
def newest(_session_control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Schemas of the newest Kubernetes, from its API server."""
    directory = tmp_path_factory.mktemp("newest")
    write_schemas(_session_control_plane.request("GET", "/openapi/v2"), directory, KINDS)
    write_custom_schemas(_pod_monitors(), directory)
    return directory


def _pod_monitors() -> Manifest:
    [definition] = objects((built(schemas()) / "podmonitors.yaml").read_text(encoding="utf-8"))
    return definition


@pytest.fixture(scope="module")
def conform() -> Path:
    """The command kubeconform."""
    return built(kubeconform()) / "kubeconform"


@pytest.mark.parametrize("release", ["oldest", "newest"])
def test_every_object_keeps_to_the_schemas(
    release: str, conform: Path, kustomize: Kustomize, request: pytest.FixtureRequest
) -> None:
    """No group, version or field is unknown to the release, nothing required is missing, and types are right."""
    different = {json.dumps(each): each for each in kustomize(*COMPOSITIONS)}
    assert judge(conform, request.getfixturevalue(release), different.values()) == []


def test_the_schemas_tell_the_releases_apart(conform: Path, oldest: Path, newest: Path) -> None:
    """A field that came after 1.21 is told of there, and is fine today."""
    assert judge(conform, newest, [SPREAD_BY_HASH]) == []
    [finding] = judge(conform, oldest, [SPREAD_BY_HASH])
    assert (finding.kind, finding.name) == ("Deployment", "newer")
    assert "matchLabelKeys" in finding.message


def test_a_wrong_type_is_found(conform: Path, newest: Path) -> None:
    """The judge has eyes for values too."""
    wrong = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "wrong"}, "data": {"a": 1}}
    found = judge(conform, newest, [wrong])
    assert found == [Finding("ConfigMap", "wrong", found[0].message)]
    assert "/data/a" in found[0].message


@pytest.mark.parametrize("release", ["oldest", "newest"])
def test_the_charts_keep_to_the_schemas(
    release: str, conform: Path, helm: Helm, request: pytest.FixtureRequest
) -> None:
    """So do the objects of both charts with every value set, the PodMonitors of the Prometheus operator among them."""
    rendered = [
        each
        for chart, values in (("fairlead-agent", AGENT), ("fairlead-gateway", GATEWAY))
        for each in helm.template(chart, {**values, **EVERYTHING}, "fairlead")
    ]
    schemas_of_release = request.getfixturevalue(release)
    assert judge(conform, schemas_of_release, rendered) == []

    monitors = [each for each in rendered if each["kind"] == "PodMonitor"]
    assert len(monitors) == 2
    monitors[0]["spec"]["podMetricsEndpoints"][0]["paths"] = "/metrics"
    assert [finding.kind for finding in judge(conform, schemas_of_release, monitors)] == ["PodMonitor"]
