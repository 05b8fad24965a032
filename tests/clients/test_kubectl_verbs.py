"""Each command that Clouddriver runs, by each kubectl, is answered through the gateway as by the API server itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from tests.clients.conftest import MINORS
from tests.support import workloads
from tests.support.custom_resources import POD_METRICS, defined, metrics_definition, pod_metrics
from tests.support.kubernetes_api import JsonObject, KubernetesApi
from tests.support.played_node import PlayedNode
from tests.support.polling import wait_until
from tests.support.two_ways import Step, TwoWays, Way, nothing_of, object_of, table_of

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(240)]

KINDS = "deployment,cronJob,daemonSet,job,replicaSet,statefulSet,pod,ingress,service,networkPolicy"
JSON = ("-o", "json")
NS = "--namespace={ns}"
HERE = (NS, *JSON)
DEPLOYED = "deployments/demo"


def text(manifest: JsonObject) -> str:
    """A manifest as Clouddriver hands it over: JSON with its namespace in it."""
    return json.dumps(manifest)


def deployment(image: str = "shop:1", **spec: object) -> str:
    """Two containers, so that commands have to name one."""
    containers = [{"name": name, "image": f"registry.test/{image}"} for name in ("main", "side")]
    template = {"metadata": {"labels": {"app": "demo"}}, "spec": {"containers": containers}}
    body = {"replicas": 2, "selector": {"matchLabels": {"app": "demo"}}, "template": template, **spec}
    return text({**about("apps/v1", "Deployment", "demo", labels={"app": "demo"}), "spec": body})


def about(api_version: str, kind: str, name: str, **metadata: object) -> JsonObject:
    """The head of a manifest."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "{ns}", **metadata}}


def configmap(name: str, **data: str) -> str:
    """A ConfigMap."""
    return text({**about("v1", "ConfigMap", name, labels={"app": "demo"}), "data": data})


def stateful(api_version: str, kind: str, image: str) -> str:
    """A StatefulSet or a DaemonSet, whose revisions are ControllerRevisions."""
    template = {"metadata": {"labels": {"app": kind}}, "spec": {"containers": [{"name": "main", "image": image}]}}
    spec: JsonObject = {"selector": {"matchLabels": {"app": kind}}, "template": template}
    if kind == "StatefulSet":
        spec |= {"serviceName": "demo", "replicas": 1}
    return text({**about(api_version, kind, kind.lower()), "spec": spec})


def job(name: str, **metadata: object) -> str:
    """A Job."""
    manifest = workloads.manifest("Job", name, "{ns}")
    manifest["metadata"] |= metadata
    manifest["spec"]["template"]["metadata"]["labels"] = {"app": "job"}
    if "generateName" in metadata:
        del manifest["metadata"]["name"]
    return text(manifest)


def listed(*args: str) -> Step:
    """A list, which controllers' changes reach in a moment."""
    return Step((*HERE, "get", *args), reads=object_of, eventually=True)


def apply(manifest: str, *flags: str, code: int | None = 0) -> Step:
    """What `deploy` runs."""
    return Step(("apply", *flags, *JSON, "-f", "-"), manifest, code, reads=object_of if code == 0 else nothing_of)


DEPLOYING = [
    apply(configmap("conf", mode="one")),
    apply(configmap("conf", mode="one")),
    apply(configmap("conf", mode="two", more="yes")),
    listed("configMap"),
    apply(deployment()),
    apply(text({**about("v1", "Service", "demo"), "spec": {"selector": {"app": "demo"}, "ports": [{"port": 80}]}})),
    apply(text({**about("v1", "Secret", "key"), "stringData": {"password": "hunter2"}})),
    apply(configmap("chosen", a="b"), "-l=app = demo"),
    apply(configmap("left", a="b"), "-l=app = other", code=1),
    apply(text({**about("apps/v1", "Deployment", "bad"), "spec": {"replicas": "x", "foo": 1}}), code=1),
    apply(text(about("nowhere.test/v1", "Nothing", "none")), code=1),
    apply(text(workloads.manifest("Widget", "wide", "{ns}"))),
    apply(configmap("owned", a="1"), "--server-side=true"),
    apply(
        configmap("conf", mode="three"), "--server-side=true", code=None
    ),  # kubectl < 1.26 leaves the conflict to people
    apply(configmap("conf", mode="three"), "--server-side=true", "--force-conflicts=true"),
    Step((NS, "patch", "configMap", "owned", "--type", "merge", "--patch", '{"data":{"a":"2"}}')),
    apply(configmap("owned", a="3"), "--server-side=true", code=1),
    apply(configmap("owned", a="3"), "--server-side=true", "--force-conflicts=true"),
]
READING = [
    listed(KINDS),
    listed(KINDS, "-l=app = demo"),
    listed("replicaSet", "-l=app in (demo, other),app notin (none),!canary"),
    listed("secret"),
    listed("event", "--field-selector", "involvedObject.name=demo,involvedObject.kind=Deployment"),
    listed("Widget.fairlead.test"),
    Step((*JSON, "get", "namespace", "{ns}"), reads=object_of),
    Step((*JSON, "get", "customResourceDefinition", "widgets.fairlead.test"), reads=object_of),
    Step((*HERE, "get", "deployment", "demo"), reads=object_of, eventually=True),
    Step((*HERE, "get", "secret", "key"), reads=object_of),
    Step((*HERE, "get", "deployment", "nope"), code=1),
    Step((*HERE, "get", "podPreset"), code=1),
    Step((*HERE, "get", "podPreset,pod"), code=1),
    Step((NS, "logs", "{pod}", "-c=main")),
    Step((NS, "logs", "{pod}", "-c=main", "--tail=3")),
    Step((NS, "logs", "{pod}", "-c=main", "--previous")),
    Step((NS, "logs", "{pod}", "-c=main", "--tail=3", "-f")),
    Step((NS, "logs", "{pod}", "-c=nope"), code=1),
    Step((NS, "logs", "nope", "-c=main"), code=1),
    Step((NS, "top", "po", "--containers"), reads=table_of),
    Step((NS, "top", "po", "{pod}", "--containers"), reads=table_of),
    Step((NS, "top", "po", "nope", "--containers"), code=1),
]
REPLACING = [
    Step(("replace", *JSON, "-f", "-"), configmap("rep", a="1"), 1),
    Step(("create", *JSON, "-f", "-"), configmap("rep", a="1"), reads=object_of),
    Step(("create", *JSON, "-f", "-"), configmap("rep", a="1"), 1),
    Step(("replace", *JSON, "-f", "-"), configmap("rep", a="2"), reads=object_of),
    Step(("create", *JSON, "-f", "-"), job("", generateName="job-"), reads=object_of),
    Step(("create", *JSON, "-f", "-"), job("named"), reads=object_of),
    Step((NS, "scale", DEPLOYED, "--replicas=3")),
    Step((NS, "scale", "deployment/nope", "--replicas=3"), code=1),
]
PATCHES = [
    Step((NS, "patch", "deployment", "demo", "--record", "--type", "strategic", "--patch",
          '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"registry.test/shop:2"}]}}}}')),
    Step((NS, "patch", "deployment", "demo", "--type", "merge", "--patch", '{"metadata":{"labels":{"x":"y"}}}')),
    Step((NS, "patch", "deployment", "demo", "--type", "json", "--patch",
          '[{"op":"replace","path":"/metadata/labels/x","value":"z"}]')),
    Step((NS, "patch", "deployment", "demo", "--type", "merge", "--patch", '{"metadata":{"labels":{"x":"z"}}}')),
    Step((NS, "patch", "deployment", "demo", "--type", "json", "--patch", '[{"op":"remove","path":"/nope"}]'), code=1),
    Step((NS, "patch", "deployment", "demo", "--type", "merge", "--patch", '{"spec":{"replicas":"many"}}'), code=1),
    Step((NS, "patch", "deployment", "nope", "--type", "merge", "--patch", "{}"), code=1),
]  # fmt: skip
ROLLING = [
    Step((NS, "rollout", "status", DEPLOYED, "--timeout=20s"), reads=lambda _, printed: printed.splitlines()[-1]),
    Step((NS, "rollout", "history", DEPLOYED), reads=table_of),
    Step((NS, "rollout", "history", DEPLOYED, "--revision=2")),
    Step((NS, "rollout", "pause", DEPLOYED)),
    Step((NS, "rollout", "pause", DEPLOYED), code=1),
    Step((NS, "rollout", "resume", DEPLOYED)),
    Step((NS, "rollout", "resume", DEPLOYED), code=1),
    Step((NS, "rollout", "restart", DEPLOYED)),
    Step((NS, "rollout", "status", DEPLOYED, "--timeout=20s"), reads=lambda _, printed: printed.splitlines()[-1]),
    Step((NS, "rollout", "undo", DEPLOYED, "--to-revision=1")),
    Step((NS, "rollout", "undo", DEPLOYED, "--to-revision=77"), code=1),
]


def rolling(kind: str) -> list[Step]:
    """The same for kinds whose revisions are ControllerRevisions."""
    name = f"{kind}/{kind.lower()}"
    return [
        apply(stateful("apps/v1", kind, "registry.test/shop:1")),
        Step((NS, "rollout", "history", name), reads=table_of, eventually=True),
        apply(stateful("apps/v1", kind, "registry.test/shop:2")),
        Step((NS, "rollout", "restart", name)),
        Step((NS, "rollout", "history", name), reads=table_of, eventually=True),
        Step((NS, "rollout", "undo", name, "--to-revision=1")),
    ]


def delete(*args: str) -> Step:
    """What `delete` runs."""
    return Step((NS, "delete", *args, "--ignore-not-found=true"))


DELETING = [
    delete("configMap/rep", "--cascade=background"),
    delete("configMap/nope", "--cascade=background"),
    delete("job/named", "--cascade=foreground", "--grace-period=1"),
    delete("configMap", "-l=app = demo", "--cascade=background"),
    delete("configMap", "-l=app = demo", "--cascade=background"),
    delete("statefulSet/statefulset", "--cascade=orphan"),
    delete("daemonSet/daemonset"),
    delete("Widget.fairlead.test/wide", "--cascade=background"),
    delete("deployment/demo", "--cascade=orphan"),
    delete("replicaSet", "-l=app = demo", "--cascade=foreground", "--grace-period=5"),
    Step((NS, "delete", "podPreset/none", "--ignore-not-found=true"), code=1),
    listed("configMap,deployment,replicaSet,job"),
]


@pytest.fixture(scope="module")
def definitions(administrator: KubernetesApi) -> Iterator[None]:
    """A custom resource, and metrics of pods: a custom resource in the group that `kubectl top` asks."""
    with defined(administrator, workloads.widget_definition()), defined(administrator, metrics_definition()):
        yield


def settle(api: KubernetesApi, ways: TwoWays) -> None:
    """Wait until controllers have done their part for the Deployment, both ways."""

    def done() -> bool:
        return all(
            _settled(api.get(workloads.PLACES["Deployment"], way.namespace, "demo"))
            for way in (ways.through, ways.past)
        )

    wait_until(done, what="a Deployment that its controller is done with")


def _settled(found: JsonObject | None) -> bool:
    if found is None:
        return True
    status, replicas = found.get("status", {}), found["spec"]["replicas"]
    rolled = status.get("replicas") == status.get("updatedReplicas") == status.get("availableReplicas") == replicas
    return rolled and bool(status["observedGeneration"] == found["metadata"]["generation"])


def name_pod(api: KubernetesApi, way: Way) -> None:
    """Let ``{pod}`` stand for one of the Deployment's pods, whose figures are known."""
    pods = api.list(workloads.PLACES["Pod"], way.namespace)
    way.names["pod"] = min(pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith("demo-"))
    api.create(POD_METRICS, pod_metrics(way.names["pod"], way.namespace, ("main", "side")))


@pytest.mark.parametrize("minor", MINORS)
def test_each_verb_is_answered_as_by_the_api_server(
    minor: str, two_ways: Callable[[str], TwoWays], administrator: KubernetesApi, node: PlayedNode, definitions: None
) -> None:
    """Same exit code, same objects, same complaint, for each argument vector of Clouddriver's."""
    ways = two_ways(minor)
    differences: list[str | None] = []

    def walk(steps: list[Step]) -> None:
        differences.extend(map(ways.difference, steps))
        settle(administrator, ways)

    walk(DEPLOYING)
    for way in (ways.through, ways.past):
        name_pod(administrator, way)
    walk(READING)
    walk(REPLACING)
    differences.append(ways.difference(Step((NS, "logs", "job/named", "-c=main"), says=nothing_of, eventually=True)))
    for step in PATCHES + ROLLING:
        walk([step])
    walk(rolling("StatefulSet") + rolling("DaemonSet"))
    walk(DELETING)

    found = [difference for difference in differences if difference is not None]
    assert not found, "\n".join([f"{len(found)} of {len(differences)} differ", *found])
