"""The Kubernetes manifests, judged by a real API server: its schemas, its strict decoding, its pod security."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.contract.manifests.compositions import COMPONENTS, COMPOSITIONS, OF_OTHERS
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.manifests import KUBERNETES, Composition, Judge, Kustomize, built, by_name, objects, pod_specs
from tools.parts.build import older_kubectl

from fairlead.runtime import lifecycle
from fairlead.runtime.sections import ServiceSettings

SERVICES = ("watcher", "scrubber", "bridge", "executor", "gateway")
FILES = {"deployment", "serviceaccount", "rbac", "networkpolicy", "configmap", "kustomization"}
OLDEST_KUBECTL = "1.27"
SHARED_WORK = {"scrubber", "executor", "gateway"}
"""Services that may have several pods, and so a disruption budget."""

pytestmark = pytest.mark.real


@pytest.mark.parametrize("composition", COMPOSITIONS, ids=lambda each: each.name)
def test_the_api_server_takes_it(
    composition: Composition, kustomize: Kustomize, judge: Judge, control_plane: ControlPlane
) -> None:
    """Every object is valid, no field is unknown, and no pod needs more than `restricted` allows."""
    assert judge(each for each in kustomize(composition) if each["kind"] not in OF_OTHERS) == ""


def test_the_api_server_refuses_what_is_wrong(kustomize: Kustomize, judge: Judge, control_plane: ControlPlane) -> None:
    """The judge has eyes: a misspelled field is told, and a pod that may be root is warned of."""
    document = by_name(kustomize(Composition("agent")))["Deployment", "fairlead-bridge"]
    pod = document["spec"]["template"]["spec"]
    pod["containers"][0]["livenesProbe"] = {}
    assert "livenesProbe" in judge([document])

    del pod["containers"][0]["livenesProbe"]
    del pod["securityContext"]["runAsNonRoot"]
    assert "runAsNonRoot" in judge([document])


def test_every_component_is_composed() -> None:
    """No switch is left untried."""
    assert {each for composition in COMPOSITIONS for each in composition.components} == COMPONENTS


def test_services_have_the_same_files() -> None:
    """Whoever knows one service's folder knows them all."""
    for service in SERVICES:
        files = {path.stem for path in (KUBERNETES / "base" / service).iterdir()}
        assert files - {"pdb", "service"} == FILES, service
        assert ("pdb" in files) == (service in SHARED_WORK), service


@pytest.mark.parametrize("composition", COMPOSITIONS, ids=lambda each: each.name)
def test_pods_may_finish(composition: Composition, kustomize: Kustomize) -> None:
    """The grace period holds the deadline of a stop, and what each service in the process may take beyond it."""
    deadline_s = ServiceSettings().stop_timeout_seconds
    for name, pod in pod_specs(kustomize(composition)).items():
        services = {"fairlead-agent": 4, "fairlead-nats": 0, "fairlead-postgres": 0}.get(name, 1)
        beyond_s = services * (lifecycle.CANCEL_S + lifecycle.CLOSE_S)
        assert pod["terminationGracePeriodSeconds"] > deadline_s + beyond_s, name


@pytest.mark.parametrize("composition", COMPOSITIONS, ids=lambda each: each.name)
def test_pods_are_bounded_and_probed(composition: Composition, kustomize: Kustomize) -> None:
    """Each container says what it needs and at most takes, when it is ready, and may write nowhere but in volumes."""
    for name, pod in pod_specs(kustomize(composition)).items():
        for container in pod["containers"]:
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name
            assert "readinessProbe" in container, name
            assert container["securityContext"]["readOnlyRootFilesystem"], name
            assert ":" in container["image"], name


def test_every_figure_has_its_reason() -> None:
    """Requests and limits say beside them what they were taken from."""
    files = [*KUBERNETES.glob("**/deployment.yaml"), *KUBERNETES.glob("**/statefulset.yaml")]
    assert len(files) == 7
    for file in files:
        assert re.search(r"resources: # \w+", file.read_text()), file


def test_every_switch_reaches_every_service(kustomize: Kustomize) -> None:
    """Tracing sets the collector's address in all services; high availability spreads those that share their work."""
    for overlay, pods in (("agent", 4), ("gateway", 1)):
        specs = pod_specs(kustomize(Composition(overlay, ("tracing", "high-availability"))))
        traced = {
            name
            for name, pod in specs.items()
            if "FAIRLEAD__TRACING__ENDPOINT" in {each["name"] for each in pod["containers"][0].get("env", ())}
        }
        assert len(traced) == pods
        spread = {name.removeprefix("fairlead-") for name, pod in specs.items() if "topologySpreadConstraints" in pod}
        assert spread == SHARED_WORK & {name.removeprefix("fairlead-") for name in specs}


def test_one_process_takes_the_place_of_four(kustomize: Kustomize) -> None:
    """The component leaves one Deployment, which has the rights of both roles and mounts the token."""
    rendered = kustomize(Composition("agent", ("one-process-agent",)))
    assert {name for kind, name in by_name(rendered) if kind == "Deployment"} == {"fairlead-agent"}
    assert {name for kind, name in by_name(rendered) if kind == "ServiceAccount"} == {"fairlead-agent"}
    assert pod_specs(rendered)["fairlead-agent"]["automountServiceAccountToken"]
    bound = {each["subjects"][0]["name"] for each in rendered if each["kind"] == "ClusterRoleBinding"}
    assert bound == {"fairlead-agent"}


def test_one_process_serves_clusters_by_kubeconfigs(kustomize: Kustomize) -> None:
    """With both components it mounts the kubeconfigs, and has no right and no token where it stands."""
    rendered = kustomize(Composition("infrastructure", ("one-process-agent", "kubeconfigs")))
    pod = pod_specs(rendered)["fairlead-agent"]
    assert not pod["automountServiceAccountToken"]
    assert "/run/kubeconfigs" in {each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
    assert not [each for each in rendered if each["apiVersion"].startswith("rbac.")]


def test_an_older_kubectl_makes_the_same(kustomize: Kustomize, tmp_path: Path) -> None:
    """The oldest kubectl that the README names renders every composition as the newest does."""
    older = Kustomize(built(older_kubectl(OLDEST_KUBECTL)) / "kubectl", tmp_path)
    for composition in COMPOSITIONS:
        assert by_name(older(composition)) == by_name(kustomize(composition)), composition.name


def test_a_tag_is_enough(kustomize: Kustomize, judge: Judge, control_plane: ControlPlane, tmp_path: Path) -> None:
    """A GitOps user names an overlay and components by URL and tag, and keeps nothing but own settings."""
    repository = tmp_path / "fairlead"
    shutil.copytree(KUBERNETES, repository / "infra/kubernetes")
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "Release"], ["tag", "v0.1.0"]):
        subprocess.run(
            ["git", "-C", repository, "-c", "user.name=a", "-c", "user.email=a@example.com", *words], check=True
        )
    (repository / "infra/kubernetes/base/watcher/kustomization.yaml").unlink()  # after the tag
    url = f"file://{repository}//infra/kubernetes/{{}}?ref=v0.1.0&timeout=90s"
    settings = "kubernetes: {accounts: [{name: prod, serviceAccount: true}]}\nclouddriver: {grpc: 'gateway:9091'}\n"
    composition = Composition("agent", ("one-process-agent",), settings)

    rendered = kustomize.folder(composition.write(tmp_path / "mine", url))

    data = [each["data"] for each in rendered if each["metadata"]["name"].startswith("fairlead-settings-")]
    assert data == [{"fairlead-local.yaml": settings}]
    assert judge(rendered) == ""

    words = ["apply", "--dry-run=client", "--output=yaml", "-k", url.format("overlays/gateway")]
    plain = subprocess.run([*judge.kubectl, *words], capture_output=True, text=True, check=True, timeout=100)
    assert "fairlead-gateway" in {each["metadata"]["name"] for each in objects(plain.stdout)[0]["items"]}
