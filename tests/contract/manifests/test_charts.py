"""The Helm charts: the same objects as the kustomize overlays, values that are checked, and a real API server's consent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from tests.contract.manifests.compositions import AGENT, EVERYTHING, GATEWAY, LINK, OF_OTHERS
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.manifests import CHARTS, KUBERNETES, Composition, Helm, Judge, Kustomize, Manifest, by_name
from tools import charts

pytestmark = pytest.mark.real

KUBECONFIGS = {"my-cluster": {"secret": "fairlead-kubeconfigs", "file": "my-cluster"}}
INFRASTRUCTURE = {"config": LINK, "kubeconfigs": KUBECONFIGS}
NAMESPACED: Manifest = {
    "agent": {"mode": "agent"},
    "kubernetes": {
        "accounts": [
            {
                "name": "my-cluster",
                "serviceAccount": True,
                "namespaces": ["fairlead"],
                "onlyNamespacedResources": True,
            }
        ]
    },
    **LINK,
}
READ_ONLY_NAMESPACE = {"config": NAMESPACED, "rbac": {"namespaced": True, "readOnly": True}}
EQUAL = [
    ("fairlead-agent", AGENT, Composition("agent")),
    (
        "fairlead-agent",
        READ_ONLY_NAMESPACE,
        Composition("agent", ("rbac-namespace", "rbac-read-only"), json.dumps(NAMESPACED)),
    ),
    ("fairlead-agent", {**AGENT, "mtls": True}, Composition("agent", ("mtls/agent",))),
    ("fairlead-agent", INFRASTRUCTURE, Composition("infrastructure")),
    ("fairlead-gateway", GATEWAY, Composition("gateway")),
    ("fairlead-gateway", {**GATEWAY, "mtls": True}, Composition("gateway", ("mtls/gateway",))),
]
WRONG = [
    ("fairlead-agent", {}, "config.clouddriver.grpc"),
    ("fairlead-agent", {"config": LINK}, "config.kubernetes.accounts"),
    ("fairlead-agent", {**AGENT, "image": {"pullPolicy": "Always"}}, "pullPolicy"),
    ("fairlead-agent", {**AGENT, "replicas": {"scrubber": 0}}, "/replicas/scrubber"),
    ("fairlead-agent", {**AGENT, "replicas": {"watcher": 2}}, "watcher"),
    ("fairlead-agent", {**AGENT, "rbac": {"namespaced": "yes"}}, "/rbac/namespaced"),
    ("fairlead-agent", {**AGENT, "rbac": {"namespaced": True}}, "onlyNamespacedResources"),
    ("fairlead-agent", {"config": {"clouddriver": {"grpc": "https://gateway:9091"}}}, "/config/clouddriver/grpc"),
    ("fairlead-agent", {**AGENT, "kubeconfigs": {"a": {"secret": "b"}}}, "file"),
    ("fairlead-agent", {**AGENT, "agentyml": "a: ["}, "agentyml"),
    ("fairlead-agent", {**AGENT, "networkPolicy": False}, "networkPolicy"),
    ("fairlead-gateway", {"replicas": "3"}, "/replicas"),
    ("fairlead-gateway", {"service": {"type": "Loadbalancer"}}, "/service/type"),
]


def comparable(manifests: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    """Objects without what differs by design: the hash of settings, and their text, which is compared as settings."""
    text = re.sub(r"(fairlead-(?:gateway-)?settings)-[a-z0-9]+", r"\1", json.dumps(manifests))
    found = by_name(json.loads(text))
    for (_, name), each in found.items():
        if name.endswith("settings"):
            each["data"] = {key: yaml.safe_load(value) for key, value in each["data"].items()}
        for volume in each.get("spec", {}).get("template", {}).get("spec", {}).get("volumes", ()):
            if volume["name"] == "kubeconfigs":  # one Secret for all in kustomize, one for each in the chart
                volume.pop("secret", None)
                volume.pop("projected", None)
    return found


@pytest.mark.parametrize("same", EQUAL, ids=lambda same: f"{same[0]}-{same[2].name}")
def test_chart_and_kustomize_render_equal_objects(
    helm: Helm, kustomize: Kustomize, same: tuple[str, Mapping[str, Any], Composition]
) -> None:
    """Whichever way somebody installs, the cluster gets the same."""
    chart, values, composition = same
    of_chart = comparable(helm.template(chart, values, composition.namespace))
    of_kustomize = comparable(kustomize(composition))
    assert of_chart.keys() == of_kustomize.keys()
    for key, manifest in of_kustomize.items():
        assert of_chart[key] == manifest, key


def test_templates_are_those_that_the_tool_makes() -> None:
    """Nobody edited a template by hand, and none is left of an object that went."""
    made = charts.rendered()
    for chart, services in charts.CHARTS.items():
        found = {path for service in services for path in (CHARTS / chart / "templates" / service).iterdir()}
        assert found == {path for path in made if path.is_relative_to(CHARTS / chart)}
    assert {path: path.read_text(encoding="utf-8") for path in made} == made


def test_a_base_that_changed_its_form_is_told() -> None:
    """An edit that finds nothing to edit does not pass silently."""
    template = charts.Template("bridge", "deployment.yaml", "kind: Deployment\n")
    with pytest.raises(charts.ChartError, match=r"base/bridge/deployment\.yaml .* 0 times"):
        template.swap("image: fairlead/bridge\n", "")
    with pytest.raises(charts.ChartError, match=r"volumes.* 0 times"):
        template.end_block("volumes", "")


@pytest.mark.parametrize(("chart", "values", "named"), WRONG)
def test_a_wrong_value_is_named(helm: Helm, chart: str, values: Mapping[str, Any], named: str) -> None:
    """The message says which value is meant, before anything reaches the cluster."""
    done = helm.run("template", chart, CHARTS / chart, "--values", helm.values(values))
    assert done.returncode != 0
    assert named in done.stderr


@pytest.mark.parametrize(
    ("chart", "values"), [("fairlead-agent", AGENT), ("fairlead-agent", {}), ("fairlead-gateway", {})]
)
def test_lint_finds_nothing(helm: Helm, chart: str, values: Mapping[str, Any]) -> None:
    """`helm lint --strict` passes, with the chart's own values too."""
    done = helm.run("lint", "--strict", CHARTS / chart, "--values", helm.values(values))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("chart", "values"), [("fairlead-agent", AGENT), ("fairlead-gateway", GATEWAY)])
def test_the_api_server_takes_every_switch(
    helm: Helm, judge: Judge, control_plane: ControlPlane, chart: str, values: Mapping[str, Any]
) -> None:
    """With every value set, the objects are valid in strict mode and the pods `restricted`."""
    rendered = helm.template(chart, {**values, **EVERYTHING}, "fairlead")
    assert "PodMonitor" in {each["kind"] for each in rendered}
    assert judge(each for each in rendered if each["kind"] not in OF_OTHERS) == ""


def test_values_reach_every_pod(helm: Helm) -> None:
    """Registry, tag, policy, pull secret, variables, labels and annotations are those that were given."""
    pods = [
        each["spec"]["template"]
        for chart, values in (("fairlead-agent", AGENT), ("fairlead-gateway", GATEWAY))
        for each in helm.template(chart, {**values, **EVERYTHING}, "fairlead")
        if each["kind"] == "Deployment"
    ]
    assert len(pods) == 5
    for pod in pods:
        [container] = pod["spec"]["containers"]
        assert container["image"] == f"registry.example.com/fairlead/{container['name']}:1.2.3"
        assert container["imagePullPolicy"] == "Always"
        assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
        assert EVERYTHING["env"][0] in container["env"]
        assert pod["metadata"]["labels"]["team"] == "delivery"
        assert pod["metadata"]["annotations"] == {"example.com/scrape": "true"}


def settings_of(manifests: list[Manifest]) -> Any:
    """The settings that a chart hands to the services."""
    [found] = [each for each in manifests if "settings" in each["metadata"]["name"]]
    return yaml.safe_load(found["data"]["fairlead-local.yaml"])


def test_settings_are_laid_over_each_other(helm: Helm) -> None:
    """`config` wins over `agentyml`, and kubeconfigs become accounts, with what was said of them."""
    values = {
        "agentyml": "logs: {level: debug}\nclouddriver: {grpc: 'other:1'}\nagent: {mode: spinnaker-service}\n",
        "config": {**LINK, "kubernetes": {"accounts": [{"name": "a", "kinds": ["Deployment"]}]}},
        "kubeconfigs": {"a": {"secret": "one", "file": "config"}, "b": {"secret": "two", "file": "config"}},
    }
    assert settings_of(helm.template("fairlead-agent", values, "fairlead")) == {
        "agent": {"mode": "spinnaker-service"},
        "clouddriver": {"grpc": "gateway.example.com:9091"},
        "logs": {"level": "debug"},
        "kubernetes": {
            "accounts": [
                {"name": "a", "kinds": ["Deployment"], "kubeconfigFile": "/run/kubeconfigs/a"},
                {"name": "b", "kubeconfigFile": "/run/kubeconfigs/b"},
            ]
        },
    }


def test_large_numbers_stay_whole(helm: Helm) -> None:
    """Helm's values are floating-point numbers; a number of bytes arrives as the integer that it is."""
    values = {"config": {**AGENT["config"], "bridge": {"logMaxBytes": 536870912}}}
    size = settings_of(helm.template("fairlead-agent", values, "fairlead"))["bridge"]["logMaxBytes"]
    assert size == 536870912
    assert isinstance(size, int)


def test_policies_follow_the_addresses(helm: Helm) -> None:
    """The bridge may reach the gateway's port, and each service the collector's."""
    values = {
        "config": {
            **AGENT["config"],
            "clouddriver": {"grpc": "gateway.example.com:443"},
            "tracing": {"endpoint": "http://collector:4318/v1/traces"},
        }
    }
    found = by_name(helm.template("fairlead-agent", values, "fairlead"))
    ports = {
        name: {port["port"] for rule in each["spec"]["egress"] for port in rule.get("ports", ())}
        for (kind, name), each in found.items()
        if kind == "NetworkPolicy"
    }
    assert ports["fairlead-bridge"] == {53, 4222, 443, 4318}
    assert ports["fairlead-scrubber"] == {53, 4222, 4318}


def test_a_release_lives_and_ends(cluster_helm: Helm, control_plane: ControlPlane, namespace: str) -> None:
    """Installed, changed and removed on a real API server: new settings replace the pods, and nothing is left behind."""
    words = ("--namespace", namespace, "--values")
    chart = CHARTS / "fairlead-agent"
    installed = cluster_helm.run("install", "agent", chart, *words, cluster_helm.values(AGENT))
    assert installed.returncode == 0, installed.stderr
    assert "my-cluster to the gateway at gateway.example.com:9091" in installed.stdout
    assert f"kubectl --namespace {namespace} apply -f -" in installed.stdout
    before = _pods_of_the_bridge(control_plane, namespace)

    changed = {"config": {**AGENT["config"], "logs": {"level": "debug"}}}
    upgraded = cluster_helm.run("upgrade", "agent", chart, *words, cluster_helm.values(changed))
    assert upgraded.returncode == 0, upgraded.stderr
    assert _pods_of_the_bridge(control_plane, namespace) != before
    maps = control_plane.kubectl("get", "configmaps", "--namespace", namespace, "--output", "name").split()
    assert len([each for each in maps if "settings" in each]) == 1

    removed = cluster_helm.run("uninstall", "agent", "--namespace", namespace)
    assert removed.returncode == 0, removed.stderr
    left = control_plane.kubectl("get", "deployments,statefulsets,networkpolicies,roles", "-n", namespace, "-o", "name")
    assert left == ""
    assert "fairlead" not in control_plane.kubectl("get", "clusterroles,clusterrolebindings", "--output", "name")


def _pods_of_the_bridge(control_plane: ControlPlane, namespace: str) -> Manifest:
    text = control_plane.kubectl("get", "deployment", "fairlead-bridge", "--namespace", namespace, "--output", "json")
    template: Manifest = json.loads(text)["spec"]["template"]
    return template


def test_charts_have_the_version_of_the_images() -> None:
    """A chart installs the release that it is of."""
    for chart in charts.CHARTS:
        about = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())
        tags = {
            image["newTag"]
            for service in charts.CHARTS[chart]
            for image in yaml.safe_load((KUBERNETES / f"base/{service}/kustomization.yaml").read_text())["images"]
            if image["name"].startswith("fairlead/")
        }
        assert tags == {about["appVersion"]}
