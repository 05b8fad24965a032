"""What people do with kubectl goes through the gateway as it goes past it: manifests of all sorts, tables, waiting, explaining."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.clients.conftest import NEWEST
from tests.support import workloads
from tests.support.kubernetes_api import ApiRefusal, KubernetesApi
from tests.support.played_node import FOLLOWED_LINES, LOG_LINES, PlayedNode, log_line
from tests.support.polling import wait_until
from tests.support.two_ways import Step, TwoWays, Way, nothing_of, object_of, table_of

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(240)]

MANIFESTS = sorted((Path(__file__).parent.parent / "fixtures" / "manifests").glob("*.yaml"))
NS = "--namespace={ns}"
CLUSTER_WIDE = (
    "clusterrole/{ns}-metrics", "clusterrolebinding/{ns}-metrics", "priorityclass/{ns}-important", "storageclass/{ns}-fast",
    "pv/{ns}-archive", "ingressclass/{ns}-edge", "validatingwebhookconfiguration/{ns}-guard",
    "mutatingwebhookconfiguration/{ns}-injector", "validatingadmissionpolicy/{ns}-replicas",
    "validatingadmissionpolicybinding/{ns}-replicas", "prioritylevelconfiguration/{ns}-reports",
)  # fmt: skip
TABLES = (
    "pods", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs", "services", "ingresses",
    "networkpolicies", "configmaps", "secrets", "hpa", "pdb", "pvc", "sa", "roles", "rolebindings", "leases",
    "endpointslices", "rc", "podtemplates", "berths.{ns}.fleet.test", "all",
)  # fmt: skip


@pytest.fixture(scope="module")
def ways(two_ways: Callable[[str], TwoWays], administrator: KubernetesApi, node: PlayedNode) -> Iterator[TwoWays]:
    """The newest kubectl; what it makes outside its namespaces is removed."""
    made = two_ways(NEWEST)
    yield made
    for way in (made.through, made.past):
        finalizer = {"metadata": {"finalizers": None}}
        try:
            administrator.merge(workloads.PLACES["ConfigMap"], way.namespace, "from-list-2", finalizer)
        except ApiRefusal as refusal:
            assert refusal.status == 404, refusal  # noqa: PT017 - the test did not get that far
        past = Way(made.past.kubectl, way.namespace)
        kinds = [f"customresourcedefinition/{plural}.{{ns}}.fleet.test" for plural in ("berths", "tides")]
        past.run(("delete", "--ignore-not-found", "--wait=false", *CLUSTER_WIDE, *kinds), None)


def same(ways: TwoWays, *steps: Step) -> None:
    """Assert that steps go the same way."""
    differences = [difference for difference in map(ways.difference, steps) if difference is not None]
    assert not differences, "\n".join([f"{len(differences)} of {len(steps)} differ", *differences])


def documents() -> int:
    """How many objects the manifests hold."""
    count = 0
    for path in MANIFESTS:
        for each in yaml.safe_load_all(path.read_text(encoding="utf-8").replace("{ns}", "x")):
            count += len(each["items"]) if each["kind"] == "List" else 1
    return count


def served(ways: TwoWays) -> None:
    """Wait until the custom resources can be written both ways."""

    def both() -> bool:
        ran = ways.both(("get", "berths.{ns}.fleet.test,tides.{ns}.fleet.test", NS))
        return all(each.code == 0 for each in ran)

    wait_until(both, within_s=30, what="custom resources that are served")


@pytest.fixture(scope="module")
def applied(ways: TwoWays) -> list[str]:
    """All manifests, applied both ways; how that differed."""
    differences = []
    for path in MANIFESTS:
        if path.name == "06-custom.yaml":
            served(ways)
        differences.append(ways.difference(Step(("apply", "-f", "-"), path.read_text(encoding="utf-8"))))
    return [each for each in differences if each is not None]


def test_manifests_of_all_sorts_are_applied(ways: TwoWays, applied: list[str]) -> None:
    """Forty and more objects of thirty kinds, in multi-document files and a list: the same words, the same objects."""
    assert documents() >= 40
    assert not applied, "\n".join(applied)

    def read(path: Path) -> Step:
        return Step(
            ("get", "-o", "json", "-f", "-"), path.read_text(encoding="utf-8"), reads=object_of, eventually=True
        )

    same(ways, *map(read, MANIFESTS))


def test_applying_again_changes_nothing(ways: TwoWays, applied: list[str]) -> None:
    """Everything is unchanged, and there is no difference to show; a change is shown, on the server and in the diff."""
    shop = MANIFESTS[1].read_text(encoding="utf-8")
    changed = shop.replace("registry.test/shop:1", "registry.test/shop:2").replace(
        "LOG_LEVEL: info", "LOG_LEVEL: debug"
    )

    def hunks(way: Way, text: str) -> list[str]:
        changes = [
            line for line in way.level(text).splitlines() if line[:1] in "+-" and not line.startswith(("+++", "---"))
        ]
        return [line for line in changes if "generation:" not in line]

    same(
        ways,
        *(Step(("apply", "-f", "-"), path.read_text(encoding="utf-8")) for path in MANIFESTS),
        Step(("diff", "-f", "-"), shop),
        Step(("diff", "-f", "-"), changed, code=1, reads=hunks),
        Step(("diff", "--server-side", "--force-conflicts", "-f", "-"), changed, code=1, reads=hunks),
        Step(("apply", "--dry-run=server", "-o", "json", "-f", "-"), changed, reads=object_of),
        Step(("apply", "--server-side", "--force-conflicts", "-f", "-"), shop),
    )


def test_tables_are_printed_alike(ways: TwoWays, applied: list[str]) -> None:
    """`get` for people: default and wide columns, labels, sorting, several kinds at once, custom columns, names."""
    steps = [Step((NS, "get", kind), reads=table_of, eventually=True) for kind in TABLES]
    steps += [
        Step((NS, "get", kind, "-o", "wide"), reads=table_of, eventually=True) for kind in ("pods", "deploy", "svc")
    ]
    steps += [
        Step((NS, "get", "pods", "--show-labels"), reads=table_of, eventually=True),
        Step(
            (NS, "get", "pods", "-l", "app.kubernetes.io/name=shop", "-L", "version"), reads=table_of, eventually=True
        ),
        Step((NS, "get", "deploy,svc", "--show-kind"), reads=table_of, eventually=True),
        Step((NS, "get", "configmaps", "-o", "name"), eventually=True),
        Step((NS, "get", "deploy", "shop", "-o", "custom-columns=N:.metadata.name,R:.spec.replicas"), reads=table_of),
        Step(
            (NS, "get", "pods", "--field-selector", "status.phase=Running", "-o", "name"),
            reads=table_of,
            eventually=True,
        ),
        Step((NS, "get", "pods", "--field-selector", "spec.nodeName=none")),
        Step((NS, "get", "deploy", "shop", "-o", "jsonpath={.spec.template.spec.containers[*].image}")),
        Step((NS, "get", "services", "--sort-by=.metadata.name", "-o", "name")),
        Step((NS, "get", "deploy", "nope"), code=1),
        Step((NS, "get", "nothings"), code=1),
    ]
    same(ways, *steps)


def test_what_is_there_is_explained(ways: TwoWays, applied: list[str]) -> None:
    """Resources, versions and schemas, of built-in kinds and of those that were defined a moment ago."""

    def resources(way: Way, text: str) -> list[str]:
        lines = [line for line in way.level(text).splitlines() if "NS" not in line and "clients-" not in line]
        return sorted(lines)

    same(
        ways,
        Step(("api-resources",), reads=resources, eventually=True),
        Step(("api-resources", "--namespaced=false", "--verbs=list", "-o", "wide"), reads=resources, eventually=True),
        Step(("api-versions",), reads=resources, eventually=True),
        Step(("explain", "deployment.spec.strategy")),
        Step(("explain", "pods.spec.containers", "--recursive")),
        Step(("explain", "berths.spec", "--api-version={ns}.fleet.test/v1"), eventually=True),
        Step(("explain", "deployment.nope"), code=1),
        Step(("version", "-o", "yaml")),
        Step(("describe", NS, "configmap/shop"), eventually=True),
        Step(("auth", "can-i", "create", "deployments", NS)),
        Step((NS, "top", "pods"), code=1),
    )


def test_waiting_ends_when_it_should(ways: TwoWays, applied: list[str]) -> None:
    """`rollout status` and `wait` return when the cluster is there, or say that time is up."""
    same(
        ways,
        Step(
            (NS, "rollout", "status", "deployment/shop", "--timeout=20s"), reads=lambda _, text: text.splitlines()[-1]
        ),
        Step((NS, "rollout", "status", "statefulset/ledger", "--timeout=20s"), reads=nothing_of),
        Step((NS, "wait", "--for=condition=Available", "deployment/shop", "--timeout=20s")),
        Step((NS, "wait", "--for=condition=Ready", "pod/toolbox", "--timeout=20s")),
        Step((NS, "wait", "--for=jsonpath={.status.succeeded}=2", "job/import", "--timeout=20s")),
        Step((NS, "wait", "--for=condition=Never", "deployment/shop", "--timeout=1s"), code=1),
        Step((NS, "wait", "--for=delete", "pod/nobody", "--timeout=5s")),
    )


def test_logs_are_followed_to_their_end(ways: TwoWays, applied: list[str]) -> None:
    """`logs -f` prints what was there and what comes."""
    followed = "".join(log_line("toolbox", number) for number in range(LOG_LINES + FOLLOWED_LINES))
    through, past = ways.both((NS, "logs", "-f", "toolbox"))
    assert past.out == followed
    assert through.out == followed


def test_a_watch_prints_what_happens(ways: TwoWays, applied: list[str], administrator: KubernetesApi) -> None:
    """`get -w` prints the table, then a line for each change, through the mirror as past it."""
    processes = []
    for way in (ways.through, ways.past):
        args = (f"--namespace={way.namespace}", "get", "configmaps", "-w", "--output-watch-events")
        processes.append(way.kubectl.start(*args))
    try:
        for process in processes:
            watched_until(process, "shop-frozen")  # the last of those that were there
        printed: list[list[str]] = [[], []]
        for change in ("ADDED", "MODIFIED", "DELETED"):
            for way in (ways.through, ways.past):
                change_late(administrator, way.namespace, change)
            for lines, process in zip(printed, processes, strict=True):
                lines.extend(watched_until(process, change))
    finally:
        for process in processes:
            process.kill()
            process.communicate()

    # What is gone is told by its name alone: the mirror keeps no bodies of it.
    assert [line.split()[:2] for line in printed[0]] == [line.split()[:2] for line in printed[1]]
    assert [line.split()[1] for line in printed[0]] == ["late"] * 3


def change_late(api: KubernetesApi, namespace: str, change: str) -> None:
    """Make a watch of ConfigMaps tell of a change."""
    place = workloads.PLACES["ConfigMap"]
    match change:
        case "ADDED":
            api.create(place, workloads.manifest("ConfigMap", "late", namespace))
        case "MODIFIED":
            api.merge(place, namespace, "late", {"data": {"more": "1"}})
        case _:
            api.delete(place, namespace, "late")


def watched_until(process: subprocess.Popen[str], word: str) -> list[str]:
    """The lines that a watch prints, up to one with a word."""
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if word in line:
            break
    return lines


def test_connections_of_their_own_are_refused_clearly(ways: TwoWays, applied: list[str]) -> None:
    """exec, attach and port-forward say what is not offered, at once."""
    commands: list[tuple[Any, ...]] = [
        (NS, "exec", "toolbox", "--", "true"),
        (NS, "attach", "toolbox"),
        (NS, "port-forward", "toolbox", "18080:80"),
    ]
    for command in commands:
        ran = ways.through.run(command, None)
        assert ran.code != 0
        assert "not" in ran.err.lower(), ran.err
