"""Real kubectls at work on a simulated cluster: exit codes, what they print, what they leave behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from tests.integration.simcluster.conftest import MINORS, Shell
from tests.integration.simcluster.manifests import DATABASE, GIZMO, GIZMO_DEFINITION, JOB, SETTINGS, WEB

CONTAINER = "{.spec.template.spec.containers[0].image}"


def _table(text: str) -> dict[str, dict[str, str]]:
    """What `kubectl get` prints, by name; columns are at least two spaces apart."""
    head, *rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.strip().split("\n")]
    return {row[0]: dict(zip(head, row, strict=False)) for row in rows}


@pytest.mark.parametrize("minor", MINORS)
def test_each_minor_version_does_the_daily_work(shell_of: Callable[[str], Shell], minor: str) -> None:
    """Discovery, schemas, client-side and server-side apply, create, replace, patch, tables, delete."""
    shell = shell_of(minor)
    assert "deployment.apps/web created" in shell("apply", "-f", "-", stdin=WEB)
    assert "deployment.apps/web unchanged" in shell("apply", "-f", "-", stdin=WEB)
    less = WEB.replace("web:1", "web:2").replace(', {name: B, value: "2"}', "")
    assert "deployment.apps/web configured" in shell("apply", "-f", "-", stdin=less)
    [container] = shell.get("deployments.apps", "web")["spec"]["template"]["spec"]["containers"]
    assert (container["image"], container["env"]) == ("example/web:2", [{"name": "A", "value": "1"}])
    shell("rollout", "status", "deploy/web", "--timeout=20s")
    assert _table(shell("get", "deploy"))["web"]["READY"] == "2/2"
    assert shell("get", "deploy", "web", "-o", f"jsonpath={CONTAINER}") == "example/web:2"

    shell("create", "-f", "-", stdin=SETTINGS)
    shell("replace", "-f", "-", stdin=SETTINGS.replace('b: "2"', 'c: "3"'))
    shell("patch", "configmap", "settings", "--type=merge", "-p", '{"data":{"d":"4"}}')
    assert shell.get("configmaps", "settings")["data"] == {"a": "1", "c": "3", "d": "4"}
    wrong = shell.run("create", "-f", "-", stdin=SETTINGS.replace("data:", "datas:").replace("settings", "wrong"))
    assert wrong.code == 1
    assert 'unknown field "datas"' in wrong.err
    assert shell.get("configmaps", "wrong") is None
    shell("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=WEB)
    assert "selector" in shell("explain", "deployment.spec")
    shell("delete", "-f", "-", stdin=WEB)
    assert shell.get("deployments.apps", "web") is None


def test_people_look_around(shell: Shell) -> None:
    """Versions, resources, explanations, usage, wide tables, descriptions."""
    shell("apply", "-f", "-", stdin=WEB)
    shell("rollout", "status", "deploy/web", "--timeout=20s")
    pods = _table(shell("get", "pods", "-o", "wide"))

    assert len(pods) == 2
    assert {(row["READY"], row["STATUS"], row["RESTARTS"]) for row in pods.values()} == {("1/1", "Running", "0")}
    assert {row["NODE"] for row in pods.values()} <= {"node-1", "node-2", "node-3"}
    assert "Server Version: v1." in shell("version")
    assert "apps/v1" in shell("api-versions").split()
    resources = shell("api-resources", "--api-group=apps", "-o", "name").split()
    assert {"deployments.apps", "replicasets.apps", "statefulsets.apps"} <= set(resources)
    assert "name\t<string> -required-" in shell("explain", "pod.spec.containers")
    assert set(_table(shell("top", "pod"))) == set(pods)
    assert _table(shell("top", "node"))["node-1"]["CPU(%)"].endswith("%")
    assert _table(shell("get", "nodes"))["node-1"]["STATUS"] == "Ready"
    assert "pod/web-" in shell("get", "all", "-l", "app=web")
    assert "Replicas:" in shell("describe", "deploy", "web")
    assert shell.run("get", "pod", "none").code == 1


def test_a_difference_is_shown_and_leaves_nothing(shell: Shell) -> None:
    """Code 0 without one, 1 with one."""
    shell("apply", "-f", "-", stdin=SETTINGS)
    same = shell.run("diff", "-f", "-", stdin=SETTINGS)
    other = shell.run("diff", "-f", "-", stdin=SETTINGS.replace('b: "2"', 'b: "9"'))

    assert (same.code, same.out) == (0, "")
    assert other.code == 1
    assert '+  b: "9"' in other.out
    assert shell.get("configmaps", "settings")["data"]["b"] == "2"


def test_managers_dispute_fields(shell: Shell) -> None:
    """Code 1 that names the other one, until it is forced."""
    shell("apply", "--server-side", "--field-manager=first", "-f", "-", stdin=SETTINGS)
    change = SETTINGS.replace('a: "1"', 'a: "9"')
    refused = shell.run("apply", "--server-side", "--field-manager=second", "-f", "-", stdin=change)
    forced = ("apply", "--server-side", "--field-manager=second", "--force-conflicts", "-f", "-")

    assert refused.code == 1
    assert 'conflict with "first": .data.a' in refused.err
    shell(*forced, "--dry-run=server", stdin=change)
    assert shell.get("configmaps", "settings")["data"]["a"] == "1"
    shell(*forced, stdin=change)
    assert shell.get("configmaps", "settings")["data"]["a"] == "9"


def test_patches_of_three_types(shell: Shell) -> None:
    """Strategic by default, merge, JSON; a patch that does not fit is code 1."""
    shell("apply", "-f", "-", stdin=WEB)
    side = '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"example/side:1"}]}}}}'
    shell("patch", "deploy", "web", "-p", side)
    names = [each["name"] for each in shell.get("deployments.apps", "web")["spec"]["template"]["spec"]["containers"]]
    shell("patch", "deploy", "web", "--type=merge", "-p", '{"metadata":{"labels":{"tier":null}}}')
    image = '[{"op":"replace","path":"/spec/replicas","value":1}]'
    shell("patch", "deploy", "web", "--type=json", "-p", image)
    missing = '[{"op":"remove","path":"/spec/nothing"}]'

    assert sorted(names) == ["side", "web"]
    assert "tier" not in shell.get("deployments.apps", "web")["metadata"].get("labels", {})
    assert shell.get("deployments.apps", "web")["spec"]["replicas"] == 1
    assert shell.run("patch", "deploy", "web", "--type=json", "-p", missing).code == 1


def test_a_deployment_goes_forward_and_back(shell: Shell) -> None:
    """Scale, history with causes, undo, pause, resume, restart, and a rollout that fails in time."""
    shell("apply", "-f", "-", stdin=WEB)
    shell("annotate", "deploy/web", "kubernetes.io/change-cause=begin")
    shell("scale", "deploy/web", "--replicas=3")
    shell("rollout", "status", "deploy/web", "--timeout=20s")
    shell("set", "image", "deploy/web", "web=example/web:2")
    shell("rollout", "status", "deploy/web", "--timeout=20s")
    history = shell("rollout", "history", "deploy/web")
    shell("rollout", "undo", "deploy/web", "--to-revision=1")
    shell("rollout", "status", "deploy/web", "--timeout=20s")
    after = shell("get", "deploy", "web", "-o", f"jsonpath={CONTAINER}")
    shell("rollout", "pause", "deploy/web")
    paused = shell.run("rollout", "restart", "deploy/web")
    shell("rollout", "resume", "deploy/web")
    again = shell.run("rollout", "resume", "deploy/web")
    shell("rollout", "restart", "deploy/web")
    shell("rollout", "status", "deploy/web", "--timeout=20s")
    shell("patch", "deploy", "web", "-p", '{"spec":{"progressDeadlineSeconds":1}}')
    shell("set", "image", "deploy/web", "web=example/web:broken")
    stuck = shell.run("rollout", "status", "deploy/web", "--timeout=20s")

    assert [line.split() for line in history.split("\n")[2:4]] == [["1", "begin"], ["2", "begin"]]
    assert after == "example/web:1"
    assert len([pod for pod in shell.list("pods") if pod["status"]["phase"] == "Running"]) >= 2
    assert paused.code == 1
    assert again.code == 1
    assert stuck.code == 1
    assert "exceeded its progress deadline" in stuck.err


def test_a_stateful_set_goes_forward_and_back(shell: Shell) -> None:
    """Its revisions are ControllerRevisions."""
    shell("apply", "-f", "-", stdin=DATABASE)
    shell("rollout", "status", "sts/db", "--timeout=20s")
    shell("set", "image", "sts/db", "db=example/db:2")
    shell("rollout", "status", "sts/db", "--timeout=20s")
    history = shell("rollout", "history", "sts/db")
    shell("rollout", "undo", "sts/db")
    shell("rollout", "status", "sts/db", "--timeout=20s")

    assert [line.split()[0] for line in history.strip().split("\n")[2:]] == ["1", "2"]
    assert {pod["spec"]["containers"][0]["image"] for pod in shell.list("pods")} == {"example/db:1"}
    assert sorted(pod["metadata"]["name"] for pod in shell.list("pods")) == ["db-0", "db-1"]


def test_logs_are_read_whole_in_part_and_as_they_come(shell: Shell) -> None:
    """By container, tail, time stamps, previous run, and followed until the pod is gone."""
    shell("apply", "-f", "-", stdin=DATABASE)
    shell("rollout", "status", "sts/db", "--timeout=20s")
    cluster = shell.api.cluster
    for text in ("line 0", "line 1", "line 2"):
        shell.api.do(partial(cluster.log, "db-0", text, namespace=shell.namespace))
    follower = shell.kubectl.start("-n", shell.namespace, "logs", "-f", "db-0", "--tail=1")
    assert follower.stdout is not None
    first = follower.stdout.readline()
    shell.api.do(lambda: cluster.log("db-0", "late", namespace=shell.namespace))
    second = follower.stdout.readline()

    assert (first, second) == ("line 2\n", "late\n")
    assert shell("logs", "db-0") == "db started\nline 0\nline 1\nline 2\nlate\n"
    assert shell("logs", "db-0", "-c", "db", "--tail=1") == "late\n"
    assert shell("logs", "db-0", "--limit-bytes=5") == "db st"
    assert shell("logs", "db-0", "--tail=1", "--timestamps").split(" ")[1] == "late\n"
    assert shell.run("logs", "db-0", "-c", "none").code == 1
    assert shell.run("logs", "db-0", "--previous").code == 1
    shell.api.do(lambda: cluster.restart("db-0", namespace=shell.namespace))
    assert shell("logs", "db-0", "--previous").endswith("late\n")
    assert _table(shell("get", "pod", "db-0"))["db-0"]["RESTARTS"].startswith("1 (")
    shell("delete", "sts", "db")
    assert follower.wait(20) == 0
    follower.communicate()


def test_a_job_runs_and_tells(shell: Shell) -> None:
    """To its end, with its output; one that fails is waited for as failed."""
    shell("create", "-f", "-", stdin=JOB)
    shell("wait", "--for=condition=complete", "job/once", "--timeout=20s")
    failing = JOB.replace("once:1", "once:failing").replace("{name: once}", "{name: never}")
    shell("create", "-f", "-", stdin=failing)
    shell("wait", "--for=condition=failed", "job/never", "--timeout=20s")

    assert shell("logs", "job/once") == "hello world\n"
    row = _table(shell("get", "jobs"))
    assert (row["once"]["STATUS"], row["once"]["COMPLETIONS"]) == ("Complete", "1/1")
    assert row["never"]["STATUS"] == "Failed"


def test_deletes_wait_and_obey(shell: Shell) -> None:
    """Orphans stay; without, all goes; what is not there is code 1 unless that is ignored."""
    shell("apply", "-f", "-", stdin=WEB)
    shell("rollout", "status", "deploy/web", "--timeout=20s")
    shell("delete", "deploy", "web", "--cascade=orphan")
    [orphan] = shell.list("replicasets.apps")
    assert not orphan["metadata"].get("ownerReferences")
    shell("delete", "rs", "-l", "app=web", "--cascade=foreground")
    shell("wait", "--for=delete", "pod", "-l", "app=web", "--timeout=20s")

    assert shell.list("pods") == []
    assert shell.run("delete", "deploy", "web").code == 1
    assert shell("delete", "deploy", "web", "--ignore-not-found") == ""


def test_custom_resources_are_like_any_other(shell: Shell) -> None:
    """Defined, applied, shown, explained, scaled, refused."""
    shell("apply", "-f", "-", stdin=GIZMO_DEFINITION)
    shell("wait", "--for=condition=Established", "crd/gizmos.simulated.example", "--timeout=20s")
    shell("apply", "-f", "-", stdin=GIZMO)
    shell("patch", "gizmo", "one", "--type=merge", "-p", '{"spec":{"size":4}}')
    shell("scale", "gizmo/one", "--replicas=5")
    refused = shell.run("apply", "-f", "-", stdin=GIZMO.replace("size: 3", "size: big"))

    assert _table(shell("get", "gz"))["one"]["SIZE"] == "5"
    assert "How big." in shell("explain", "gizmo.spec.size")
    assert refused.code == 1
    assert "spec.size in body must be of type integer" in refused.err
