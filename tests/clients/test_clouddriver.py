"""Clouddriver's recorded behaviour, done again by real kubectl processes through the gateway.

The simulator computes its command lines from the operations as they were posted; that they come out as recorded proves the
simulator. What the gateway did of them is judged by kubectl's exit codes, by the cluster, and by the API server's audit log.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import Namespaces, kubectl_binary
from tests.e2e.conftest import Facade
from tests.support import workloads
from tests.support.audit_tail import WRITES, AuditTail, effects
from tests.support.clouddriver import CACHED_KINDS, Clouddriver, KubectlFailed, Manifest, caching_cycle
from tests.support.clouddriver_operations import perform
from tests.support.kubernetes_api import KubernetesApi
from tests.support.orca import wait_until_stable
from tests.support.played_node import PlayedNode, log_line
from tests.support.polling import wait_until
from tests.support.two_ways import Step, TwoWays, Way, object_of

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(240)]

FIXTURES = Path(__file__).parent.parent / "fixtures" / "clouddriver"
RECORDED = FIXTURES / "operations.jsonl"
RECORDED_NAMESPACE, CREATED_NAMESPACE = "demo", "ns-by-cd"
MADE_NAME = re.compile(r"(rsx-v\d\d\d)-[a-z0-9]{5}")
AGENT = "token-admin"
"""Whom the API server takes the agent for."""
OWN_CLIENT = "python-httpx"
"""How requests of the test itself begin to name who makes them."""
UNOWNED = ("Deployment", "ReplicaSet", "Service", "Job", "ConfigMap", "Secret")
LISTED = (*CACHED_KINDS, "configMap", "secret")
FIRST_DEPLOYS: list[dict[str, Any]] = [
    {"deployManifest": {"moniker": {"app": "demo"}, "manifests": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "demo-cm", "namespace": "demo"}, "data": {"k": value}},
        {"apiVersion": "apps/v1", "kind": "Deployment",
         "metadata": {"name": "demo", "namespace": "demo", "labels": {"app": "demo", "x": "0"}},
         "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "demo"}}, "template": {
             "metadata": {"labels": {"app": "demo"}},
             "spec": {"containers": [{"name": "c", "image": "nginx:1.27",
                                      "envFrom": [{"configMapRef": {"name": "demo-cm"}}]}]}}}},
    ]}} for value in ("v1", "v2")
]  # fmt: skip
"""What was deployed before the recording begins: the recorded operations name its versions."""


@pytest.fixture(scope="module")
def clouddrivers(facade: Facade, node: PlayedNode) -> Callable[[str], Clouddriver]:
    """Makes a Clouddriver with the kubectl of a minor version."""
    return lambda minor: Clouddriver(facade.kubectl(binary=kubectl_binary(minor)))


@pytest.fixture
def audit(facade: Facade) -> AuditTail:
    """The audit log from now on."""
    return AuditTail(facade.control_plane.audit_log)


def recorded() -> list[dict[str, Any]]:
    """The recorded operations in their order; two were refused by Clouddriver itself."""
    operations = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
    return [each for each in operations if each["commands"]]


def move(value: Any, places: dict[str, str]) -> Any:
    """A recorded value with the namespaces of this run."""
    if isinstance(value, dict):
        moved = {key: move(item, places) for key, item in value.items()}
        if moved.get("kind") == "Namespace":
            moved["metadata"]["name"] = places[moved["metadata"]["name"]]
        for key in ("namespace", "location", "namespaceOverride"):
            if value.get(key) in places:
                moved[key] = places[value[key]]
        return moved
    return [move(item, places) for item in value] if isinstance(value, list) else value


def told(argv: list[str], namespace: str) -> list[str]:
    """A command line without what differs between runs."""
    return [MADE_NAME.sub(r"\1-MADE", word.replace(f"--namespace={namespace}", "--namespace=NS")) for word in argv]


def recorded_writes(operation: dict[str, Any], places: dict[str, str]) -> list[tuple[str, str, int]]:
    """The writes of an operation as they were recorded: method, path, status."""
    found = []
    for each in operation["http"]:
        if each["method"] in WRITES.values():
            path = each["path"].partition("?")[0].replace("/namespaces/demo/", f"/namespaces/{places['demo']}/")
            found.append((each["method"], MADE_NAME.sub(r"\1-MADE", path), each["status"]))
    return found


class Replay:
    """One run of the recording in a namespace of its own."""

    def __init__(
        self, clouddriver: Clouddriver, api: KubernetesApi, namespace: str, created: str, *, server_validates: bool
    ) -> None:
        self.clouddriver = clouddriver
        self.server_validates = server_validates
        self.api = api
        self.namespace = namespace
        self.places = {RECORDED_NAMESPACE: namespace, CREATED_NAMESPACE: created}

    def prepare(self) -> None:
        """Deploy what was there before the recording."""
        for request in FIRST_DEPLOYS:
            self._settle(perform(self.clouddriver, [move(request, self.places)]))
        self.clouddriver.taken()

    def do(self, operation: dict[str, Any], audit: AuditTail) -> None:
        """Perform an operation and compare it with its recording."""
        audit.read()
        deployed: list[Manifest] = []
        try:
            deployed = perform(self.clouddriver, move(operation["request"], self.places))
        except KubectlFailed:
            assert operation["failed"]
        else:
            assert not operation["failed"]
        ran = self.clouddriver.taken()
        self._compare_commands(operation, [(list(each.argv), each.code, each.fed) for each in ran])
        if self.server_validates or not operation["failed"]:
            self._compare_writes(operation, audit)
        self._lists_show_it(deployed)
        self._settle(deployed)
        self.clouddriver.taken()

    def _compare_commands(self, operation: dict[str, Any], ran: list[tuple[list[str], int, bool]]) -> None:
        wanted = [(told(each["argv"][1:], "demo"), each["rc"], "stdin" in each) for each in operation["commands"]]
        assert [(told(argv, self.namespace), code, fed) for argv, code, fed in ran] == wanted

    def _compare_writes(self, operation: dict[str, Any], audit: AuditTail) -> None:
        """The API server saw the recorded writes, each once, under the ids of operations."""
        places = set(self.places.values())
        seen = audit.read(lambda each: each.agent.startswith("kubectl") and each.verb in WRITES)
        mine = [each for each in seen if each.namespace in places or each.path.endswith("/namespaces")]
        writes = [(WRITES[each.verb], MADE_NAME.sub(r"\1-MADE", each.path), each.code) for each in mine]
        assert writes == recorded_writes(operation, self.places)
        assert all(each.id.endswith(".1") for each in mine), mine
        assert set(effects(mine).values()) <= {1}

    def _lists_show_it(self, deployed: list[Manifest]) -> None:
        """The lists of a caching cycle show at once what was written, and nothing that was deleted."""
        listed = {_key(each): each for each in self.clouddriver.list_kinds(LISTED, self.namespace)}
        for manifest in deployed:
            if manifest["kind"] != "Namespace":
                found = listed[_key(manifest)]
                assert int(found["metadata"]["resourceVersion"]) >= int(manifest["metadata"]["resourceVersion"])
        owned = {  # as the cluster says, for whoever takes owners off is no writer that lists wait for
            (kind, each["metadata"]["name"]): "ownerReferences" in each["metadata"]
            for kind in UNOWNED
            for each in self.api.list(workloads.PLACES[kind], self.namespace)
        }
        shown = {
            key
            for key, each in listed.items()
            if key[0] in UNOWNED and not owned.get(key, "ownerReferences" in each["metadata"])
        }
        assert shown == {key for key, is_owned in owned.items() if not is_owned}

    def _settle(self, deployed: list[Manifest]) -> None:
        for manifest in deployed:
            wait_until_stable(self.clouddriver, manifest)
        wait_until(self._revised, what="revisions of the Deployments")

    def _revised(self) -> bool:
        """Whether the Deployments' controller has seen all: history and undo depend on it."""
        found = self.api.list(workloads.PLACES["Deployment"], self.namespace)
        return all(each["status"].get("observedGeneration") == each["metadata"]["generation"] for each in found)


def _key(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


@pytest.mark.parametrize("minor", ["1.22", "1.30"])
def test_operations_go_as_recorded(
    minor: str,
    clouddrivers: Callable[[str], Clouddriver],
    administrator: KubernetesApi,
    namespaces: Namespaces,
    audit: AuditTail,
) -> None:
    """Same commands, same ends, same writes, each once; lists show them at once, and nothing unstable is called stable."""
    namespace = namespaces()
    created = f"{namespace}-by-cd"
    namespaces.made.append(created)
    server_validates = minor != "1.22"  # which holds manifests against the schema itself, and sends nothing
    replay = Replay(clouddrivers(minor), administrator, namespace, created, server_validates=server_validates)
    replay.prepare()

    for operation in recorded():
        if operation["kubectl"] == "1.27":
            replay.clouddriver = clouddrivers("1.27")
        try:
            replay.do(operation, audit)
        except (AssertionError, KubectlFailed, LookupError) as error:
            error.add_note(f"operation {operation['name']}")
            raise


@pytest.fixture
def populated(clouddrivers: Callable[[str], Clouddriver], namespaces: Namespaces) -> tuple[str, ...]:
    """Three namespaces with something in them."""
    made = tuple(namespaces() for _ in range(3))
    clouddriver = clouddrivers("1.30")
    for namespace in made:
        for kind in ("Deployment", "Service", "Ingress", "NetworkPolicy", "CronJob", "ConfigMap"):
            clouddriver.apply(workloads.manifest(kind, "shop", namespace))
    return made


@pytest.mark.parametrize("minor", ["1.22", "1.30"])
def test_caching_cycles_ask_the_api_server_nothing(
    minor: str,
    facade: Facade,
    clouddrivers: Callable[[str], Clouddriver],
    populated: tuple[str, ...],
    audit: AuditTail,
) -> None:
    """The audit log has no request that a caching cycle caused, and the cycle tells what the cluster tells."""
    through = clouddrivers(minor)
    past = Clouddriver(facade.kubectl(direct=True))

    def settled() -> bool:
        return _versions(caching_cycle(through, populated)) == _versions(caching_cycle(past, populated))

    wait_until(settled, within_s=30, what="a mirror that equals the cluster")
    audit.read()

    for _ in range(3):
        caching_cycle(through, populated)

    asked = audit.read(lambda each: each.user == AGENT and each.verb != "watch" and OWN_CLIENT not in each.agent)
    schemas = "/openapi/"  # the gateway's own wish, once an agent has connected
    assert [f"{each.verb} {each.path} by {each.agent}" for each in asked if not each.path.startswith(schemas)] == []


def _versions(listed: dict[str, list[Manifest]]) -> set[tuple[str, str, str, str]]:
    return {
        (namespace, each["kind"], each["metadata"]["name"], each["metadata"]["resourceVersion"])
        for namespace, items in listed.items()
        for each in items
    }


def reading_command_lines() -> list[tuple[str, ...]]:
    """Each distinct ``get`` of the recording: account load, permission checks, caching, what operations read."""
    lines = []
    for line in (FIXTURES / "kubectl_argv.txt").read_text(encoding="utf-8").splitlines():
        words = shlex.split(line.partition("<tmpdir>/<account>")[2])
        if "get" in words:
            lines.append(tuple(word.replace("--namespace=NS", "--namespace={ns}") for word in words))
    return lines


def test_account_load_and_permission_checks_tell_the_same(
    two_ways: Callable[[str], TwoWays], administrator: KubernetesApi, node: PlayedNode
) -> None:
    """Each recorded reading command ends, prints and complains as past the gateway, kinds that are no more included."""
    ways = two_ways("1.30")
    for way in (ways.through, ways.past):
        for kind in ("Deployment", "Service", "CronJob", "Secret"):
            administrator.create(workloads.PLACES[kind], workloads.manifest(kind, "demo", way.namespace))
    lines = reading_command_lines()
    assert len(lines) == 65

    steps = [Step(line, code=None, reads=objects_of, eventually=True) for line in lines]
    with ThreadPoolExecutor(2) as pool:
        found = [difference for difference in pool.map(ways.difference, steps) if difference is not None]

    assert not found, "\n".join([f"{len(found)} of {len(lines)} differ", *found])


def objects_of(way: Way, text: str) -> Any:
    """Printed objects, levelled; of those in all namespaces just those that this test made, one way or the other."""
    if not text.strip():
        return None
    value = object_of(way, text)
    if "items" in value:
        kept = [each for each in value["items"] if each["metadata"].get("namespace") == "NS"]
        value["items"] = [each for number, each in enumerate(kept) if each not in kept[:number]]
    return value


SECRET = "correct horse battery staple"


def test_a_secret_keeps_its_value(
    clouddrivers: Callable[[str], Clouddriver], administrator: KubernetesApi, namespaces: Namespaces
) -> None:
    """Read, edited and deployed again through the gateway, a Secret has the value that it had."""
    clouddriver, namespace = clouddrivers("1.30"), namespaces()
    place = workloads.PLACES["Secret"]
    given: Manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": namespace}}
    administrator.create(place, {**given, "stringData": {"password": SECRET}})

    read = clouddriver.get("secret", "key", namespace)
    assert read is not None
    (listed,) = clouddriver.list_kinds(["secret"], namespace)
    for edited in (read, listed):
        edited["metadata"] = {**given["metadata"], "labels": {"edited": "yes"}}
        clouddriver.apply(edited)

        found = administrator.get(place, namespace, "key")
        assert found is not None
        assert base64.b64decode(found["data"]["password"]).decode() == SECRET


def test_versions_of_secrets_and_configuration_are_found_again(
    clouddrivers: Callable[[str], Clouddriver], namespaces: Namespaces
) -> None:
    """What is deployed again unchanged keeps its version: the versioner reads real values, whatever the mirror hides."""
    clouddriver, namespace = clouddrivers("1.22"), namespaces()
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAsecretsecretsecret\n-----END RSA PRIVATE KEY-----\n"
    about: Manifest = {"apiVersion": "v1", "metadata": {"name": "conf", "namespace": namespace}}
    wanted: list[Manifest] = [
        {**about, "kind": "Secret", "stringData": {"password": SECRET}},
        {**about, "kind": "ConfigMap", "data": {"tls.key": key, "url": f"https://user:{SECRET[:7]}@shop.test/"}},
    ]
    for manifest in wanted:
        for expected in ("conf-v000", "conf-v000"):
            (deployed,) = perform(clouddriver, [{"deployManifest": {"manifests": [manifest]}}])
            assert deployed["metadata"]["name"] == expected
        field = "stringData" if "stringData" in manifest else "data"
        changed: Manifest = {**manifest, field: {**manifest[field], "more": "yes"}}
        (deployed,) = perform(clouddriver, [{"deployManifest": {"manifests": [changed]}}])
        assert deployed["metadata"]["name"] == "conf-v001"

    listed = clouddriver.list_kinds(["configMap"], namespace)
    assert {
        each["metadata"]["name"]: each["data"].get("tls.key") for each in listed if "conf" in each["metadata"]["name"]
    } == {
        "conf-v000": key,
        "conf-v001": key,
    }


def test_logs_of_a_job_come_back(clouddrivers: Callable[[str], Clouddriver], namespaces: Namespaces) -> None:
    """runJob, wait until it succeeded, read its log; pods' figures are simply missing without a metrics server."""
    clouddriver, namespace = clouddrivers("1.30"), namespaces()
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}}
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "job-", "namespace": namespace},
        "spec": {"backoffLimit": 0, "template": template},
    }
    (job,) = perform(clouddriver, [{"runJob": {"application": "demo", "manifest": manifest}}])
    wait_until_stable(clouddriver, job)

    text = clouddriver.job_logs(job["metadata"]["name"], "c", namespace)

    assert text.splitlines(keepends=True)[:2] == [log_line("c", 0), log_line("c", 1)]
    assert clouddriver.top_pods(namespace) == {}
