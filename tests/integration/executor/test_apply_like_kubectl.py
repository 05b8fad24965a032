"""Client-side apply against the real kubectl: the same patch for the same three states, in cases and at random."""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.support.executor_doubles import ACCOUNT, job
from tests.support.kubectl_patches import patches_of_apply
from tests.support.kubernetes_control_plane import ControlPlane

from fairlead.contracts.identity import Resource
from fairlead.contracts.operations import decode_request
from fairlead.executor.adapters.kubernetes import KubernetesCluster
from fairlead.executor.core.merging.applied import LAST_APPLIED, annotated
from fairlead.executor.core.merging.schemas import Node
from fairlead.executor.core.outcome import Outcome
from fairlead.executor.core.plan import ApiRequest
from fairlead.executor.core.retries import Retries
from fairlead.executor.flows.run import Runner
from fairlead.executor.ports import Answer
from fairlead.kube.credentials import from_kubeconfig

JsonObject = dict[str, Any]


@dataclass
class Recorder:
    """The cluster of the one account; keeps the patches that go out."""

    inner: KubernetesCluster
    patches: list[ApiRequest] = field(default_factory=list)

    def cluster(self, account: str) -> Any:
        """Find it."""
        return self if account == ACCOUNT else None

    async def resolve(self, api_version: str, kind: str) -> Resource:
        """Ask the cluster."""
        return await self.inner.resolve(api_version, kind)

    async def patch_schema(self, resource: Resource) -> Node | None:
        """Ask the cluster."""
        return await self.inner.patch_schema(resource)

    async def send(self, request: ApiRequest, *, audit_id: str, timeout_s: float) -> Answer:
        """Send, and keep patches."""
        if request.method == "PATCH":
            self.patches.append(request)
        return await self.inner.send(request, audit_id=audit_id, timeout_s=timeout_s)

    async def apply(self, manifest: JsonObject, *, dry_run: bool = True) -> Outcome:
        """Apply client-side."""
        self.patches.clear()
        attempt = job(kind="apply", manifest=manifest, dryRun=dry_run, serverSide=False)
        request = decode_request(attempt.request)
        return await Runner(self, Retries(enabled=False)).run(attempt, request, is_canceled=lambda: False)

    async def patch_of(self, manifest: JsonObject) -> tuple[str, Any] | None:
        """Content type and body of the patch that an apply sends; None when it sends none."""
        await self.apply(manifest)
        if not self.patches:
            return None
        (patch,) = self.patches
        return patch.content_type, json.loads(patch.body)


@pytest.fixture
async def recorder(control_plane: ControlPlane) -> AsyncIterator[Recorder]:
    """Our side."""

    async def login() -> Any:
        return await from_kubeconfig(control_plane.kubeconfig, context="admin")

    async with KubernetesCluster(ACCOUNT, login) as cluster:
        yield Recorder(cluster)


class Case(NamedTuple):
    """What was applied last, what became of it meanwhile, and what is applied now."""

    last: JsonObject
    now: JsonObject
    drift: JsonObject | None = None
    """A JSON merge patch by somebody else."""
    annotated: bool = True
    """Whether the last manifest was applied, not created."""


def deployment(name: str, *containers: JsonObject, **spec: Any) -> JsonObject:
    """A Deployment without pods."""
    labels = {"app": name}
    pod: JsonObject = {
        key: spec.pop(key) for key in ("volumes", "tolerations", "initContainers", "hostAliases") if key in spec
    }
    pod_spec: JsonObject = {"containers": list(containers) or [container()], **pod}
    template: JsonObject = {"metadata": {"labels": labels}, "spec": pod_spec}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 0, "paused": True, "selector": {"matchLabels": labels}, "template": template, **spec},
    }  # fmt: skip


def container(name: str = "main", **fields: Any) -> JsonObject:
    """A container."""
    return {"name": name, "image": "example.test/image", **fields}


def env(**values: str) -> list[JsonObject]:
    """Environment variables."""
    return [{"name": name, "value": value} for name, value in values.items()]


def service(name: str, *ports: JsonObject, **metadata: Any) -> JsonObject:
    """A Service."""
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, **metadata},
        "spec": {"selector": {"app": name}, "ports": list(ports) or [{"port": 80}]},
    }  # fmt: skip


def port(number: int, protocol: str = "TCP") -> JsonObject:
    """A port of a Service."""
    return {"port": number, "protocol": protocol, "name": f"{protocol.lower()}-{number}"}


def buoy(name: str, **spec: Any) -> JsonObject:
    """A custom resource."""
    return {"apiVersion": "merge.example.test/v1", "kind": "Buoy", "metadata": {"name": name}, "spec": spec}


def drifted(**pod: Any) -> JsonObject:
    """A change of the pod template by somebody else."""
    return {"spec": {"template": {"spec": pod}}}


RECREATE = {"type": "Recreate"}
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}}
CASES: dict[str, Case] = {
    "unchanged": Case(deployment("same"), deployment("same")),
    "env-removed-and-added": Case(
        deployment("d", container(env=env(A="1", B="2", C="3"))), deployment("d", container(env=env(C="3", D="4", B="5")))
    ),
    "env-reordered": Case(deployment("d", container(env=env(A="1", B="2"))), deployment("d", container(env=env(B="2", A="1")))),
    "sidecar-injected": Case(
        deployment("d"), deployment("d", container(image="example.test/other")),
        drifted(containers=[container("sidecar"), container()]),
    ),
    "container-removed": Case(deployment("d", container(), container("second")), deployment("d")),
    "container-removed-sidecar-stays": Case(
        deployment("d", container(), container("second")), deployment("d"),
        drifted(containers=[container(), container("second"), container("sidecar")]),
    ),
    "volume-changes-its-source": Case(
        deployment("d", volumes=[{"name": "v", "emptyDir": {}}]), deployment("d", volumes=[{"name": "v", "configMap": {"name": "x"}}])
    ),
    "strategy-changes": Case(deployment("d", strategy=ROLLING), deployment("d", strategy=RECREATE)),
    "strategy-changed-by-others": Case(deployment("d", strategy=RECREATE), deployment("d", strategy=RECREATE), {"spec": {"strategy": ROLLING}}),
    "strategy-left-out": Case(deployment("d", strategy=RECREATE), deployment("d")),
    "replicas-left-to-others": Case(deployment("d"), deployment("d", replicas=None), {"spec": {"replicas": 3}}),
    "tolerations-are-one": Case(
        deployment("d", tolerations=[{"key": "a", "operator": "Exists"}]), deployment("d", tolerations=[{"key": "b", "operator": "Exists"}])
    ),
    "host-aliases": Case(
        deployment("d", hostAliases=[{"ip": "10.0.0.1", "hostnames": ["a"]}, {"ip": "10.0.0.2", "hostnames": ["b"]}]),
        deployment("d", hostAliases=[{"ip": "10.0.0.2", "hostnames": ["c"]}]),
    ),
    "container-ports-by-two-protocols": Case(
        deployment("d", container(ports=[{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP"}])),
        deployment("d", container(ports=[{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 80}])),
    ),
    "service-ports-by-two-protocols": Case(
        service("s", port(53, "UDP"), port(53), port(80)), service("s", port(53, "UDP"), port(53), port(81))
    ),
    "finalizers": Case(
        service("s", finalizers=["x.test/b", "x.test/a"]), service("s", finalizers=["x.test/a", "x.test/c"]),
        {"metadata": {"finalizers": ["x.test/b", "x.test/a", "x.test/other"]}},
    ),
    "labels-of-others-stay": Case(
        service("s", labels={"a": "1", "b": "2"}), service("s", labels={"b": "3"}), {"metadata": {"labels": {"other": "4"}}}
    ),
    "annotations-with-signs": Case(service("s"), service("s", annotations={"note": "a < b & c > ü \u2028 ☸"})),
    "explicit-null": Case(service("s", labels={"a": "1"}), service("s", labels=None)),
    "empty-lists": Case(deployment("d", tolerations=[]), deployment("d", container(env=[]), tolerations=[])),
    "secrets-of-an-account": Case(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}, "imagePullSecrets": [{"name": "a"}, {"name": "b"}]},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}, "imagePullSecrets": [{"name": "b"}, {"name": "c"}]},
    ),
    "never-applied": Case(deployment("d", container(env=env(A="1"))), deployment("d", container(env=env(B="2"))), annotated=False),
    "role-rules-are-one": Case(
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"},
         "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"},
         "rules": [{"apiGroups": [""], "resources": ["services"], "verbs": ["get"]}]},
    ),
    "unknown-scalar-field": Case(service("s"), {**service("s"), "colour": "red"}),
    "custom-lists-are-one": Case(buoy("b", lights=["red", "green"], depth=3), buoy("b", lights=["red"], depth=3)),
    "custom-field-removed": Case(buoy("b", depth=3, colour="x"), buoy("b", depth=4), {"spec": {"crew": "2"}}),
    "custom-null": Case(buoy("b", depth=3, deep={"a": 1}), buoy("b", depth=None, deep={"b": None})),
    "custom-numbers": Case(buoy("b", depth=1), buoy("b", depth=1.0, high=1.5, big=10**15)),
}  # fmt: skip


def placed(manifest: JsonObject, name: str, namespace: str) -> JsonObject:
    """The manifest under another name in a namespace."""
    placed_ = copy.deepcopy(manifest)
    placed_["metadata"] |= {"name": name, "namespace": namespace}
    return placed_


def set_up(control_plane: ControlPlane, case: Case, name: str, namespace: str) -> None:
    """Bring an object into the state before the apply."""
    last = placed(case.last, name, namespace)
    control_plane.request("POST", collection(last), annotated(last, namespace) if case.annotated else last)
    if case.drift:
        kind = f"{last['kind'].lower()}/{name}"
        control_plane.kubectl("-n", namespace, "patch", kind, "--type=merge", "-p", json.dumps(case.drift))


def collection(manifest: JsonObject) -> str:
    """The path where objects of the kind are created."""
    version = manifest["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{root}/namespaces/{manifest['metadata']['namespace']}/{manifest['kind'].lower()}s"


@pytest.fixture(scope="module")
def buoys(_session_control_plane: ControlPlane) -> Iterator[None]:
    """The kind Buoy, with a schema that takes anything."""
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "buoys.merge.example.test"},
        "spec": {
            "group": "merge.example.test", "scope": "Namespaced", "names": {"plural": "buoys", "kind": "Buoy"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }  # fmt: skip
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    _session_control_plane.request("POST", path, definition)
    _session_control_plane.kubectl("wait", "--for=condition=Established", "crd/buoys.merge.example.test")
    yield
    _session_control_plane.request("DELETE", f"{path}/buoys.merge.example.test")


@pytest.mark.usefixtures("buoys", "released")
async def test_the_patches_of_all_cases_are_kubectls(
    control_plane: ControlPlane, namespace: str, recorder: Recorder
) -> None:
    """For each case the same content type and the same body, or no patch at all."""
    for name, case in CASES.items():
        set_up(control_plane, case, name, namespace)
    manifests = {name: placed(case.now, name, namespace) for name, case in CASES.items()}

    theirs = patches_of_apply(control_plane, list(manifests.values()))
    ours = {name: await recorder.patch_of(manifest) for name, manifest in manifests.items()}

    assert len(theirs) > len(CASES) - 3
    for name in CASES:
        assert ours[name] == theirs.get(name), name


@pytest.mark.usefixtures("buoys", "released")
async def test_the_outcomes_of_all_cases_are_kubectls(
    control_plane: ControlPlane, namespace: str, recorder: Recorder
) -> None:
    """Each case done by kubectl in one namespace and by us in another leaves equal objects; what was removed is gone."""
    cases = {name: case for name, case in CASES.items() if name != "unknown-scalar-field"}
    twin = f"{namespace}-twin"
    control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": twin}})
    for name, case in cases.items():
        set_up(control_plane, case, name, namespace)
        set_up(control_plane, case, name, twin)
        outcome = await recorder.apply(placed(case.now, name, namespace), dry_run=False)
        assert outcome.verdict == "succeeded", (name, outcome.message)
    items = [placed(case.now, name, twin) for name, case in cases.items()]
    control_plane.kubectl(
        "apply", "--validate=false", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    )

    for name, case in cases.items():
        path = collection(placed(case.now, name, namespace)) + f"/{name}"
        ours = essence(control_plane.request("GET", path))
        assert ours == essence(control_plane.request("GET", path.replace(namespace, twin))), name
    again = await recorder.apply(placed(cases["env-reordered"].now, "env-reordered", namespace))
    assert (again.message, recorder.patches) == ("unchanged", [])
    control_plane.request("DELETE", f"/api/v1/namespaces/{twin}")


def essence(live: JsonObject) -> JsonObject:
    """An object without what no manifest says, and without the name of its namespace."""
    for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"):
        live["metadata"].pop(key, None)
    for key in ("clusterIP", "clusterIPs"):
        live.get("spec", {}).pop(key, None)
    live.pop("status", None)
    text = json.dumps(live).replace(f"{live['metadata']['namespace']}", "here")
    essential: JsonObject = json.loads(text)
    essential["metadata"]["annotations"].pop("deployment.kubernetes.io/revision", None)  # the controller's
    return essential


async def test_creations_are_kubectls(control_plane: ControlPlane, namespace: str, recorder: Recorder) -> None:
    """An object that is missing is created with kubectl's annotation, byte for byte, and without nulls."""
    manifest = service("made", annotations={"note": "a < b & ü"}, labels=None)
    ours, theirs = placed(manifest, "ours", namespace), placed(manifest, "ours", f"{namespace}")
    theirs["metadata"]["name"] = "theirs"
    outcome = await recorder.apply(ours, dry_run=False)
    control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(theirs))

    assert (outcome.verdict, outcome.code) == ("succeeded", 201)
    made, reference = (
        control_plane.request("GET", f"/api/v1/namespaces/{namespace}/services/{name}") for name in ("ours", "theirs")
    )
    annotation = reference["metadata"]["annotations"][LAST_APPLIED]
    assert made["metadata"]["annotations"][LAST_APPLIED] == annotation.replace("theirs", "ours")
    assert "labels" not in made["metadata"]


TRIPLES = 25
names = st.sampled_from("abc")
values = st.sampled_from(["1", "2"])


def some(element: st.SearchStrategy[JsonObject], key: str, most: int = 3) -> st.SearchStrategy[list[JsonObject]]:
    """Some objects with different keys."""
    return st.lists(element, max_size=most, unique_by=lambda each: each[key])


environment = some(st.fixed_dictionaries({"name": names, "value": values}), "name")
mounts = some(st.fixed_dictionaries({"name": st.just("v"), "mountPath": st.sampled_from(["/a", "/b"])}), "mountPath")
containers = some(
    st.fixed_dictionaries(
        {"name": names, "image": st.sampled_from(["x", "y"])},
        optional={"env": environment, "volumeMounts": mounts, "args": st.lists(values, max_size=2)},
    ),
    "name",
).filter(bool)
volumes = some(
    st.one_of(
        st.just({"emptyDir": {}}),
        st.fixed_dictionaries({"configMap": st.fixed_dictionaries({"name": names})}),
        st.fixed_dictionaries({"secret": st.fixed_dictionaries({"secretName": names})}),
    ).flatmap(lambda source: names.map(lambda name: {"name": name, **source})),
    "name",
).map(lambda found: [*found, {"name": "v", "emptyDir": {}}])
labels = st.dictionaries(names, values, max_size=3)
finalizers = st.lists(st.sampled_from(["x.test/a", "x.test/b", "x.test/c"]), max_size=3, unique=True)


@st.composite
def deployments(draw: Callable[..., Any]) -> JsonObject:
    """Deployments that the API server takes."""
    made = deployment(
        "d", *draw(containers), volumes=draw(volumes), strategy=draw(st.sampled_from([RECREATE, ROLLING, {"type": "RollingUpdate"}]))
    )  # fmt: skip
    made["metadata"] |= draw(
        st.fixed_dictionaries({}, optional={"labels": labels, "annotations": labels, "finalizers": finalizers})
    )
    return made


@pytest.mark.usefixtures("released")
@given(st.data())
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
async def test_random_patches_are_kubectls(
    control_plane: ControlPlane, namespace: str, recorder: Recorder, data: st.DataObject
) -> None:
    """Any three Deployments, as what was applied last, what is live and what is applied, give kubectl's patch.

    Many at a time, because kubectl takes its time to start.
    """
    triples = [[data.draw(deployments()) for _ in range(3)] for _ in range(TRIPLES)]
    manifests: dict[str, JsonObject] = {}
    for number, (last, live, now) in enumerate(triples):
        name = f"d-{secrets.token_hex(4)}-{number}"
        remembered = annotated(placed(last, name, namespace), namespace)["metadata"]["annotations"][LAST_APPLIED]
        standing = placed(live, name, namespace)
        standing["metadata"].setdefault("annotations", {})[LAST_APPLIED] = remembered
        control_plane.request("POST", collection(standing), standing)
        manifests[name] = placed(now, name, namespace)
        for each in (standing, manifests[name]):
            each["spec"]["selector"] = standing["spec"]["selector"]

    theirs = patches_of_apply(control_plane, list(manifests.values()))
    for name, manifest in manifests.items():
        assert await recorder.patch_of(manifest) == theirs.get(name), name
