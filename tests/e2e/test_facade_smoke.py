"""A person's kubectl through the whole stack: get, apply, delete, logs; and what the API server's audit log says of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.e2e.conftest import ACCOUNT, Facade, adopt
from tests.support.polling import wait_until

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(180)]

SHOP: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "prices"}, "data": {"tea": "3"}},
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "till"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "till"}},
            "template": {
                "metadata": {"labels": {"app": "till"}},
                "spec": {"containers": [{"name": "till", "image": "example.com/till:1"}]},
            },
        },
    },
]
MANIFESTS = "\n---\n".join(msgspec.json.encode(each).decode() for each in SHOP)


@pytest.fixture
def shop(facade: Facade) -> str:
    """A namespace, made through the gateway."""
    kubectl = facade.kubectl()
    name = msgspec.json.decode(kubectl("create", "-o", "json", "-f", "-", stdin=
        '{"apiVersion":"v1","kind":"Namespace","metadata":{"generateName":"smoke-"}}'))["metadata"]["name"]  # fmt: skip
    wait_until(
        lambda: facade.kubectl(direct=True).run("-n", name, "get", "configmap", "kube-root-ca.crt").code == 0,
        what="what every namespace is given",
    )
    return str(name)


def audited(facade: Facade, namespace: str) -> list[dict[str, Any]]:
    """What the API server did in a namespace, but for its own controllers."""
    return [
        event
        for event in facade.control_plane.audit_events(namespace)
        if event.get("objectRef", {}).get("namespace") == namespace and "kubectl" in event.get("userAgent", "")
    ]


def test_objects_come_and_go(facade: Facade, shop: str) -> None:
    """Created, seen, changed, scaled, deleted: each step as against the API server itself."""
    kubectl, direct = facade.kubectl(), facade.kubectl(direct=True)

    def shown(one: Any, *what: str) -> Any:
        return one("-n", shop, "get", *what, "-o", "jsonpath={.items[*].metadata.name}")

    kubectl("-n", shop, "apply", "-f", "-", stdin=MANIFESTS)
    assert shown(kubectl, "deployments,configmaps") == shown(direct, "deployments,configmaps")
    assert "prices" in shown(kubectl, "configmaps")
    assert "unchanged" in kubectl("-n", shop, "apply", "-f", "-", stdin=MANIFESTS)
    kubectl("-n", shop, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=MANIFESTS.replace('"3"', '"4"'))
    assert kubectl("-n", shop, "get", "configmap", "prices", "-o", "jsonpath={.data.tea}") == "4"
    kubectl("-n", shop, "scale", "deployment/till", "--replicas=3")
    assert direct("-n", shop, "get", "deployment", "till", "-o", "jsonpath={.spec.replicas}") == "3"
    kubectl("-n", shop, "delete", "deployment/till", "configmap/prices", "--cascade=foreground")

    assert shown(direct, "deployments") == ""
    assert shown(kubectl, "deployments") == ""


def test_each_write_is_in_the_journal_and_in_the_clusters_log(facade: Facade, shop: str) -> None:
    """Under one name, so that both can be laid beside each other; the cluster was asked once."""
    facade.kubectl()("-n", shop, "create", "configmap", "audited", "--from-literal=a=b")
    with facade.stack.gateway() as gateway:
        rows = [each for each in gateway.writes(ACCOUNT) if each["namespace"] == shop]
    writes = [event for event in audited(facade, shop) if event["verb"] == "create"]

    assert [(row["name"], row["caller"], row["command"]) for row in rows] == [
        ("audited", "kubectl", "kubectl create configmap")
    ]
    assert [event["auditID"] for event in writes] == [f"{rows[0]['id']}.1"]


def test_failures_are_the_api_servers_own(facade: Facade, shop: str) -> None:
    """Its words and its exit codes."""
    kubectl, direct = facade.kubectl(), facade.kubectl(direct=True)
    for command in (
        ("get", "pod", "nobody"),
        ("get", "lighthouses"),
        ("logs", "nobody"),
        ("delete", "configmap", "nobody"),
        ("create", "configmap", "Bad_Name"),
        ("top", "pod"),
    ):
        ours, theirs = (each.run("-n", shop, *command) for each in (kubectl, direct))
        assert (ours.code, ours.out, ours.err) == (theirs.code, theirs.out, theirs.err)


def test_connections_are_refused_clearly(facade: Facade, shop: str) -> None:
    """exec, attach and port-forward say that they are not offered; a pod is there, so nothing else is in their way."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
           "spec": {"containers": [{"name": "c", "image": "example.com/c:1"}], "nodeName": "nowhere"}}  # fmt: skip
    kubectl = facade.kubectl()
    kubectl("-n", shop, "apply", "-f", "-", stdin=msgspec.json.encode(pod).decode())
    status = '{"status":{"phase":"Running"}}'
    kubectl("-n", shop, "patch", "pod", "p", "--subresource=status", "--type=merge", "--patch", status)
    for command in (("exec", "p", "--", "ls"), ("attach", "p"), ("port-forward", "p", "8080:80")):
        ran = kubectl.run("-n", shop, *command)
        assert ran.code != 0
        assert "not offered through Fairlead" in ran.err, command


def test_an_agent_that_is_away_is_temporary(facade: Facade, shop: str) -> None:
    """Kubectl waits for it by itself; nothing is sent twice."""
    kubectl = facade.kubectl()
    kubectl("-n", shop, "get", "configmaps")
    facade.stack.kill("agent")
    waiting = kubectl.start("-n", shop, "create", "configmap", "patient")
    try:
        facade.stack.start("agent")
        _, err = waiting.communicate(timeout=60)
    finally:
        waiting.kill()
    assert waiting.returncode == 0, err
    wait_until(lambda: "patient" in kubectl("-n", shop, "get", "configmaps"), what="the row")

    assert len([event for event in audited(facade, shop) if event["verb"] == "create"]) == 1


def test_a_definition_written_through_the_gateway_is_served_at_once(facade: Facade) -> None:
    """Whoever applies a definition applies an object of it next, and does not wait for the agent to tell of it."""
    kubectl = facade.kubectl()
    kubectl("api-versions")  # discovery is in kubectl's own cache from here on
    name = "buoys.harbour.example.com"
    names = {"plural": "buoys", "singular": "buoy", "kind": "Buoy"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {"group": "harbour.example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    }
    buoy = {"apiVersion": "harbour.example.com/v1", "kind": "Buoy", "metadata": {"name": "red", "namespace": "default"}}
    kubectl("apply", "-f", "-", stdin=msgspec.json.encode(definition).decode())
    try:
        kubectl("wait", "--for=condition=Established", f"crd/{name}")
        kubectl("apply", "-f", "-", stdin=msgspec.json.encode(buoy).decode())
        assert kubectl("get", "buoys", "-o", "name") == "buoy.harbour.example.com/red\n"
    finally:
        kubectl("delete", "crd", name)


def test_what_needs_no_database_goes_on_without_it(facade: Facade, shop: str) -> None:
    """Named objects are read; lists and writes fail as temporary, and nothing of them is sent."""
    kubectl = facade.kubectl()
    kubectl("-n", shop, "get", "configmap", "kube-root-ca.crt")
    facade.stack.kill("postgres")
    try:
        wait_until(lambda: bool(facade.stack.instances["gateway"].missing()), what="the news that the database is away")
        assert (
            kubectl("-n", shop, "get", "configmap", "kube-root-ca.crt", "-o", "name") == "configmap/kube-root-ca.crt\n"
        )
        commands = (("get", "configmaps"), ("create", "configmap", "unwritten"))
        for failing in [kubectl.start("-n", shop, *command) for command in commands]:  # each tries for ten seconds
            _, err = failing.communicate(timeout=60)
            assert failing.returncode == 1
            assert "nothing was sent to the cluster" in err
    finally:
        facade.stack.start("postgres")
        facade.stack.wait_ready("gateway")
        adopt(facade.stack)

    assert [event for event in audited(facade, shop) if event["verb"] == "create"] == []
    wait_until(lambda: kubectl.run("-n", shop, "get", "configmaps").code == 0, what="lists")
