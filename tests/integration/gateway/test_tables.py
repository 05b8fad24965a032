"""Tables are held against those that a real API server prints of the same objects."""

from __future__ import annotations

import contextlib
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.polling import wait_until

from fairlead.gateway.flows.facade.tables import render

pytestmark = pytest.mark.real
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
LONG_AGO = "2026-01-02T03:04:05Z"
ABSENT = f"absent-{secrets.token_hex(4)}"
"""A node of this module's own that is not there: all pods of one that others named 40 s ago are deleted."""
INITS = [{"name": "first", "image": "a"}, {"name": "second", "image": "b"}]
CONTAINERS = [{"name": "web", "image": "web:1"}, {"name": "side", "image": "side:2"}]
LABELS = {"app": "web", "tier": "front"}
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": LABELS},
    "spec": {"containers": CONTAINERS, "nodeSelector": {"b": "2", "a": "1"}},
}
JOB_TEMPLATE: dict[str, Any] = {"spec": {"containers": CONTAINERS, "restartPolicy": "Never"}}
JOBS: dict[str, dict[str, Any]] = {
    "once": {},
    "queue": {"parallelism": 3},
    "many": {"completions": 5, "parallelism": 2},
    "off": {"suspend": True},
}
SELECTOR = {
    "matchLabels": LABELS,
    "matchExpressions": [
        {"key": "env", "operator": "In", "values": ["b", "a"]},
        {"key": "zone", "operator": "NotIn", "values": ["x"]},
        {"key": "app", "operator": "Exists"},
        {"key": "old", "operator": "DoesNotExist"},
    ],
}
MATCHING = TEMPLATE | {"metadata": {"labels": LABELS | {"env": "a"}}}


def _ended(code: int, reason: str = "", *, signal: int = 0) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "signal": signal, "reason": reason, "finishedAt": LONG_AGO}}


def _container(name: str = "web", *, ready: bool = False, restarts: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image": "x",
        "imageID": "x",
        "ready": ready,
        "restartCount": restarts,
        "state": {"running": {"startedAt": LONG_AGO}},
        **more,
    }


RUNNING = _container(ready=True)
READY = [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"}]
WAITING = {"waiting": {"reason": "ImagePullBackOff"}}
PODS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "fresh": ({}, {}),
    "running": ({}, {"phase": "Running", "containerStatuses": [RUNNING, _container("side", ready=True)], "conditions": READY}),
    "ip": ({"nodeName": ABSENT}, {"phase": "Running", "podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}]}),
    "nominated": ({}, {"phase": "Pending", "nominatedNodeName": "other"}),
    "pulling": ({}, {"phase": "Pending", "containerStatuses": [_container(state=WAITING)]}),
    "crashing": ({}, {"phase": "Running", "containerStatuses": [
        _container(restarts=7, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=_ended(1, "Error"))]}),
    "completed": ({}, {"phase": "Succeeded", "containerStatuses": [_container(state=_ended(0, "Completed"))]}),
    "failed": ({}, {"phase": "Failed", "containerStatuses": [_container(state=_ended(3))]}),
    "killed": ({}, {"phase": "Failed", "containerStatuses": [_container(state=_ended(137, signal=9))]}),
    "evicted": ({}, {"phase": "Failed", "reason": "Evicted"}),
    "half-done": ({}, {"phase": "Running", "conditions": READY, "containerStatuses": [
        _container(state=_ended(0, "Completed")), _container("side", ready=True)]}),
    "half-done-not-ready": ({}, {"phase": "Running", "containerStatuses": [
        _container(state=_ended(0, "Completed")), _container("side", ready=True)]}),
    "half-failed": ({}, {"phase": "Running", "containerStatuses": [
        _container(state=_ended(0, "Completed")), _container("side", state=_ended(2, "Error"))]}),
    "init-waiting": ({"initContainers": INITS}, {"phase": "Pending", "initContainerStatuses": [
        _container("first", state=_ended(0), restarts=2, lastState=_ended(1)), _container("second", state=WAITING)]}),
    "init-going": ({"initContainers": INITS}, {"phase": "Pending", "initContainerStatuses": [
        _container("first", state=_ended(0)), _container("second", state={"waiting": {"reason": "PodInitializing"}})]}),
    "init-failed": ({"initContainers": INITS}, {"phase": "Failed", "initContainerStatuses": [_container("first", state=_ended(5))]}),
    "init-killed": ({"initContainers": INITS}, {"phase": "Failed", "initContainerStatuses": [
        _container("first", state=_ended(5, signal=15))]}),
    "init-error": ({"initContainers": INITS}, {"phase": "Failed", "initContainerStatuses": [
        _container("first", state=_ended(5, "OOMKilled"))]}),
    "initialized": ({"initContainers": INITS}, {"phase": "Running", "conditions": READY, "initContainerStatuses": [
        _container("first", state=WAITING, restarts=4)], "containerStatuses": [RUNNING]}),
    "sidecar": ({"initContainers": [INITS[0] | {"restartPolicy": "Always"}]}, {"phase": "Running", "conditions": READY,
        "initContainerStatuses": [_container("first", ready=True, started=True, restarts=3, lastState=_ended(1))],
        "containerStatuses": [_container("side", ready=True, restarts=1, lastState=_ended(1))]}),
    "gates": ({"readinessGates": [{"conditionType": "a/b"}, {"conditionType": "c/d"}]}, {"phase": "Running", "conditions": [
        {"type": "a/b", "status": "True"}, {"type": "c/d", "status": "False"}]}),
    "gated": ({"schedulingGates": [{"name": "example.com/wait"}]}, {}),
    "lost": ({}, {"phase": "Running", "reason": "NodeLost", "containerStatuses": [RUNNING]}),
}  # fmt: skip
DYING = ("running", "lost", "completed")

APPS, BATCH, NETWORK = "/apis/apps/v1", "/apis/batch/v1", "/apis/networking.k8s.io/v1"
SPREAD: dict[str, list[dict[str, Any]]] = {
    f"{APPS}/deployments": [
        {"metadata": {"name": "web"}, "spec": {"replicas": 3, "selector": {"matchLabels": LABELS}, "template": TEMPLATE}},
        {"metadata": {"name": "paused"}, "spec": {"paused": True, "selector": SELECTOR, "template": MATCHING}},
    ],
    f"{APPS}/replicasets": [
        {"metadata": {"name": "own"}, "spec": {"replicas": 2, "selector": SELECTOR, "template": MATCHING}}
    ],
    f"{APPS}/statefulsets": [
        {"metadata": {"name": "db"}, "spec": {"replicas": 2, "serviceName": "db", "selector": {"matchLabels": LABELS}, "template": TEMPLATE}}
    ],
    f"{APPS}/daemonsets": [
        {"metadata": {"name": "agent"}, "spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}},
        {"metadata": {"name": "bare"}, "spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE | {"spec": {"containers": CONTAINERS}}}},
    ],
    f"{BATCH}/jobs": [
        {"metadata": {"name": name}, "spec": {"template": JOB_TEMPLATE} | spec} for name, spec in JOBS.items()
    ],
    f"{BATCH}/cronjobs": [
        {"metadata": {"name": name}, "spec": {"schedule": "0 0 1 1 *", **spec, "jobTemplate": {"spec": {
            "template": {"spec": {"containers": CONTAINERS, "restartPolicy": "Never"}}}}}}
        for name, spec in {"plain": {}, "zoned": {"timeZone": "Europe/Berlin", "suspend": True}}.items()
    ],
    "/api/v1/services": [
        {"metadata": {"name": "plain"}, "spec": {"selector": LABELS, "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 53, "protocol": "UDP"}]}},
        {"metadata": {"name": "headless"}, "spec": {"clusterIP": "None"}},
        {"metadata": {"name": "node"}, "spec": {"type": "NodePort", "ports": [{"port": 80}], "externalIPs": ["192.0.2.1", "192.0.2.9"]}},
        {"metadata": {"name": "pending"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}},
        {"metadata": {"name": "balanced"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], "externalIPs": ["192.0.2.1"]},
         "status": {"loadBalancer": {"ingress": [{"hostname": "b.example.com"}, {"ip": "192.0.2.7"}, {"hostname": "a.example.com"}]}}},
        {"metadata": {"name": "elsewhere"}, "spec": {"type": "ExternalName", "externalName": "db.example.com"}},
    ],
    f"{NETWORK}/ingresses": [
        {"metadata": {"name": "plain"}, "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}},
        {"metadata": {"name": "hosts"}, "spec": {"ingressClassName": "nginx", "tls": [{"secretName": "tls"}],
         "rules": [{"host": f"{letter}.example.com"} for letter in "abcde"]},
         "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}, {"hostname": "lb.example.com"}]}}},
        {"metadata": {"name": "three"}, "spec": {"rules": [{"host": f"{letter}.example.com"} for letter in "abc"]}},
        {"metadata": {"name": "nameless"}, "spec": {"rules": [{"host": "a.example.com"}, *[{"http": {"paths": [{
            "path": f"/{number}", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}
            for number in range(4)]]}},
    ],
    f"{NETWORK}/networkpolicies": [
        {"metadata": {"name": "all"}, "spec": {"podSelector": {}}},
        {"metadata": {"name": "some"}, "spec": {"podSelector": SELECTOR}},
    ],
    "/api/v1/configmaps": [
        {"metadata": {"name": "empty"}},
        {"metadata": {"name": "full"}, "data": {"a": "1", "b": "2"}, "binaryData": {"c": "AAAA"}},
    ],
    "/api/v1/serviceaccounts": [{"metadata": {"name": "robot"}}],
    "/api/v1/persistentvolumeclaims": [
        {"metadata": {"name": "wanted"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        {"metadata": {"name": "old", "annotations": {"volume.beta.kubernetes.io/storage-class": "slow"}},
         "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        {"metadata": {"name": "bound"}, "spec": {"accessModes": ["ReadWriteMany", "ReadWriteOnce"], "storageClassName": "fast",
         "volumeName": "pv-1", "volumeMode": "Block", "resources": {"requests": {"storage": "1500Mi"}}},
         "status": {"phase": "Bound", "accessModes": ["ReadWriteMany", "ReadWriteOnce"], "capacity": {"storage": "2048Mi"}}},
    ],
    "/apis/policy/v1/poddisruptionbudgets": [
        {"metadata": {"name": "least"}, "spec": {"minAvailable": "50%", "selector": SELECTOR}},
        {"metadata": {"name": "most"}, "spec": {"maxUnavailable": 1, "selector": SELECTOR}},
    ],
    "/apis/autoscaling/v2/horizontalpodautoscalers": [
        {"metadata": {"name": "plain"}, "spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}}},
        {"metadata": {"name": "rich"}, "spec": {"minReplicas": 2, "maxReplicas": 9,
         "scaleTargetRef": {"kind": "StatefulSet", "name": "db", "apiVersion": "apps/v1"}, "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}},
            {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1536Mi"}}},
            {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "100"}}}]},
         "status": {"currentReplicas": 2, "desiredReplicas": 2, "currentMetrics": [
            {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 41, "averageValue": "41m"}}},
            {"type": "Resource", "resource": {"name": "memory", "current": {"averageValue": "1Gi"}}}]}},
        {"metadata": {"name": "others"}, "spec": {"maxReplicas": 9,
         "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}, "metrics": [
            {"type": "External", "external": {"metric": {"name": "q"}, "target": {"type": "Value", "value": "30"}}},
            {"type": "Object", "object": {"metric": {"name": "q"}, "describedObject": {"kind": "Service", "name": "a"},
             "target": {"type": "AverageValue", "averageValue": "5"}}}]}},
        {"metadata": {"name": "inner"}, "spec": {"maxReplicas": 9,
         "scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}, "metrics": [
            {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "web",
             "target": {"type": "Utilization", "averageUtilization": 60}}},
            {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "100"}}}]}},
    ],
}  # fmt: skip


class Api:
    """The API server and a namespace with a spread of objects."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self.control_plane = control_plane
        self.namespace = namespace

    def path(self, collection: str) -> str:
        """A collection within the namespace."""
        root, _, plural = collection.rpartition("/")
        return f"{root}/namespaces/{self.namespace}/{plural}"

    def make(self, collection: str, manifest: dict[str, Any]) -> None:
        """Create an object, and give it its status."""
        try:
            self.control_plane.request("POST", self.path(collection), manifest)
            if "status" in manifest:
                path = f"{self.path(collection)}/{manifest['metadata']['name']}"
                self.patch(f"{path}/status", {"status": manifest["status"]})
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def patch(self, path: str, patch: dict[str, Any]) -> None:
        """Merge something into an object."""
        request = urllib.request.Request(self.control_plane.server + path, method="PATCH")  # noqa: S310 - https
        request.add_header("Authorization", f"Bearer {self.control_plane.admin_token}")
        request.add_header("Content-Type", "application/merge-patch+json")
        self.control_plane._open(request, json.dumps(patch).encode())

    def get(self, path: str, accept: str = "application/json") -> Any:
        """Read in a form."""
        request = urllib.request.Request(self.control_plane.server + path, headers={"Accept": accept})  # noqa: S310 - https
        request.add_header("Authorization", f"Bearer {self.control_plane.admin_token}")
        return json.loads(self.control_plane._open(request))


@pytest.fixture(scope="module")
def api(_session_control_plane: ControlPlane) -> Iterator[Api]:
    """Everything of `SPREAD` and `PODS`."""
    name = "tables"
    found = Api(_session_control_plane, name)
    request = found.control_plane.request
    request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    wait_until(lambda: bool(found.get(f"/api/v1/namespaces/{name}/serviceaccounts")["items"]))
    for collection, manifests in SPREAD.items():
        for manifest in manifests:
            found.make(collection, manifest)
    for pod, (spec, status) in PODS.items():
        metadata = {"name": pod, "finalizers": ["example.com/hold"] if pod in DYING else []}
        found.make(
            "/api/v1/pods",
            {"metadata": metadata, "spec": {"containers": CONTAINERS, **spec}} | ({"status": status} if status else {}),
        )
    for pod in DYING:
        request("DELETE", f"/api/v1/namespaces/{name}/pods/{pod}", {"gracePeriodSeconds": 0})
    yield found
    for pod in DYING:
        found.patch(f"/api/v1/namespaces/{name}/pods/{pod}", {"metadata": {"finalizers": None}})
    request("DELETE", f"/api/v1/namespaces/{name}")


def _split(collection: str) -> tuple[str, str]:
    """Group and plural."""
    steps = collection.strip("/").split("/")
    return (steps[1] if steps[0] == "apis" else "", steps[-1])


def _tables(api: Api, path: str, group: str, plural: str, include: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The API server's and ours, of the same versions of the objects."""
    theirs = api.get(f"{path}?includeObject={include}", TABLE)
    listed = api.get(path)
    kind = {"kind": listed["kind"].removesuffix("List"), "apiVersion": listed["apiVersion"]}
    rendered = render(group, plural, [json.dumps(kind | item).encode() for item in listed["items"]], include)
    assert rendered is not None
    return theirs, json.loads(rendered)


def _without_descriptions(table: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**column, "description": ""} for column in table["columnDefinitions"]]


CLUSTER = ("/api/v1/namespaces", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")


def _equal_tables(api: Api, path: str, group: str, plural: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both tables once their rows are equal: between two answers something may have changed."""
    found: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def equal() -> bool:
        found.append(_tables(api, path, group, plural, "None"))
        theirs, ours = found[-1]
        return bool((theirs["rows"] or []) == ours["rows"])

    with contextlib.suppress(AssertionError):  # the comparison below says more
        wait_until(equal, within_s=10)
    theirs, ours = found[-1]
    assert ours["rows"] == (theirs["rows"] or [])
    return theirs, ours


@pytest.mark.parametrize("collection", [*SPREAD, "/api/v1/pods", *CLUSTER])
def test_rows_are_those_of_the_api_server(api: Api, collection: str) -> None:
    """Columns and cells, once ages fall into the same second and controllers have come to rest."""
    theirs, ours = _equal_tables(
        api, collection if collection in CLUSTER else api.path(collection), *_split(collection)
    )
    assert _without_descriptions(ours) == _without_descriptions(theirs)
    assert (ours["kind"], ours["apiVersion"]) == (theirs["kind"], theirs["apiVersion"])
    if collection not in CLUSTER:
        assert len(ours["rows"]) >= len(SPREAD.get(collection, PODS))


@pytest.fixture
def definition(control_plane: ControlPlane) -> Iterator[None]:
    """A custom resource of two versions."""
    schema = {"openAPIV3Schema": {"type": "object"}}
    versions = [{"name": name, "served": True, "storage": name == "v1", "schema": schema} for name in ("v1", "v1beta1")]
    names = {"plural": "boats", "singular": "boat", "kind": "Boat", "shortNames": ["bo", "bt"]}
    spec = {"group": "tables.example.com", "scope": "Namespaced", "names": names, "versions": versions}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    control_plane.request("POST", path, {"metadata": {"name": "boats.tables.example.com"}, "spec": spec})
    yield
    control_plane.request("DELETE", f"{path}/boats.tables.example.com")


@pytest.mark.usefixtures("definition")
def test_definitions(api: Api) -> None:
    """With their versions, names, and whether they are established."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    established = ["boats.tables.example.com", True]
    wait_until(lambda: any([row["cells"][0], row["cells"][-1]] == established for row in api.get(path, TABLE)["rows"]))
    _equal_tables(api, path, "apiextensions.k8s.io", "customresourcedefinitions")


@pytest.mark.parametrize("include", ["Metadata", "Object", ""])
def test_what_a_row_holds(api: Api, include: str) -> None:
    """Metadata, the object, or what an empty wish means."""
    theirs = api.get(f"{api.path('/api/v1/configmaps')}?includeObject={include}", TABLE)
    _, ours = _tables(api, api.path("/api/v1/configmaps"), "", "configmaps", include or "Metadata")
    assert [row["object"] for row in ours["rows"]] == [row["object"] for row in theirs["rows"]]
    with pytest.raises(urllib.error.HTTPError):
        api.get(f"{api.path('/api/v1/configmaps')}?includeObject=Everything", TABLE)
    assert render("", "configmaps", [], "Everything") is None
