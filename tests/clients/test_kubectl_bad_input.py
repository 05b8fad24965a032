"""What goes wrong at the door is said to people in kubectl's own words, as by an API server, and nothing of it stays."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from tests.clients.conftest import Namespaces
from tests.e2e.conftest import ACCOUNT, Facade
from tests.support import workloads
from tests.support.exposition import total
from tests.support.kubectl import Kubectl, Ran
from tests.support.kubernetes_api import KubernetesApi
from tests.support.played_node import PlayedNode
from tests.support.polling import wait_until

from fairlead.cli.gateway import Gateway

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(120)]

new_client: Any = config.new_client_from_config
READERS = 8


@pytest.fixture
def variant(facade: Facade, kubectl_in: Callable[..., Kubectl], tmp_path: Path) -> Callable[..., Kubectl]:
    """Makes kubectl of a kubeconfig in which something is wrong, through the gateway or past it."""

    def make(*, direct: bool = False, server: str = "", token: str = "", authority: str = "") -> Kubectl:
        document = yaml.safe_load((facade.direct if direct else facade.kubeconfig()).read_text(encoding="utf-8"))
        for each in document["clusters"]:
            each["cluster"]["server"] = server or each["cluster"]["server"]
            if authority:
                each["cluster"]["certificate-authority-data"] = authority
        if token:
            document["users"] = [{"name": each["name"], "user": {"token": token}} for each in document["users"]]
        path = tmp_path / f"kubeconfig-{len(list(tmp_path.iterdir()))}"
        path.write_text(json.dumps(document), encoding="utf-8")
        return kubectl_in(path)

    return make


@contextmanager
def token_for(facade: Facade, accounts: list[str], verbs: list[str]) -> Iterator[str]:
    """A facade token that is good for some accounts."""
    name = f"visitor-{secrets.token_hex(4)}"
    with facade.stack.gateway() as gateway:
        made = gateway.create_token({"name": name, "kind": "facade", "accounts": accounts, "verbs": verbs})
        try:
            yield made["token"]
        finally:
            gateway.revoke_token(name)


def test_a_token_that_is_none_is_unauthorized(variant: Callable[..., Kubectl]) -> None:
    """As the API server says it."""
    commands = (("get", "pods"), ("get", "pods", "-o", "json"), ("delete", "pod", "nobody"))
    for command in commands:
        through, past = (variant(direct=direct, token="nonsense").run(*command) for direct in (False, True))
        assert (through.code, _last(through)) == (past.code, _last(past))


def _last(ran: Ran) -> str:
    return ran.err.strip().splitlines()[-1]


def test_a_token_of_another_account_is_forbidden(facade: Facade, variant: Callable[..., Kubectl]) -> None:
    """Whatever it asks for; the refusal names who was refused, and no account to those that may not see it."""
    with token_for(facade, ["elsewhere"], ["read", "write"]) as token:
        for command in (("get", "pods", "-o", "json"), ("get", "namespaces"), ("delete", "pod", "nobody")):
            ran = variant(token=token).run(*command)
            assert ran.code == 1
            assert "(Forbidden)" in ran.err or "forbidden" in ran.err, ran.err


def test_a_token_that_reads_does_not_write(
    facade: Facade, variant: Callable[..., Kubectl], administrator: KubernetesApi, namespaces: Namespaces
) -> None:
    """Lists and objects are given, every write is forbidden before anything is sent."""
    namespace = namespaces()
    manifest = json.dumps(workloads.manifest("ConfigMap", "kept", namespace))
    with token_for(facade, [ACCOUNT], ["read"]) as token:
        kubectl = variant(token=token)
        here = f"--namespace={namespace}"
        assert kubectl.run(here, "get", "configmaps").code == 0
        assert kubectl.run(here, "get", "configmap", "kube-root-ca.crt").code in (0, 1)
        writes = [
            kubectl.run("apply", "-f", "-", stdin=manifest),
            kubectl.run(here, "delete", "configmap", "kube-root-ca.crt"),
            kubectl.run(
                here, "patch", "configmap", "kube-root-ca.crt", "--type=merge", "--patch", '{"data":{"a":"b"}}'
            ),
        ]
    assert [ran.code for ran in writes] == [1, 1, 1]
    assert all("orbidden" in ran.err for ran in writes), writes
    assert administrator.get(workloads.PLACES["ConfigMap"], namespace, "kept") is None


def test_an_account_that_nobody_claimed_is_an_error_and_no_empty_cluster(
    facade: Facade, variant: Callable[..., Kubectl]
) -> None:
    """Clouddriver must not take a misspelt account for one whose objects are gone."""
    kubectl = variant(server=facade.stack.facade("nowhere"))
    for command in (
        ("get", "namespace", "-o", "json"),
        ("get", "pods", "-o", "json"),
        ("get", "pod", "one", "-o", "json"),
    ):
        ran = kubectl.run(*command)
        assert ran.code == 1
        assert '"items"' not in ran.out or '"items": []' in ran.out  # kubectl prints an empty list beside its complaint
        assert ran.err.strip()


def test_a_certificate_of_another_authority_is_not_trusted(facade: Facade, variant: Callable[..., Kubectl]) -> None:
    """The client refuses, with the same words both ways."""
    authorities = [
        yaml.safe_load(path.read_text(encoding="utf-8"))["clusters"][0]["cluster"]["certificate-authority-data"]
        for path in (facade.direct, facade.kubeconfig())
    ]
    through = variant(authority=authorities[0]).run("get", "pods")
    past = variant(direct=True, authority=authorities[1]).run("get", "pods")
    assert through.code == past.code == 1
    assert "certificate signed by unknown authority" in through.err
    assert "certificate signed by unknown authority" in past.err


@pytest.mark.parametrize("size", [1_100_000, 4_000_000])
def test_too_large_a_manifest_is_refused(
    facade: Facade, variant: Callable[..., Kubectl], administrator: KubernetesApi, namespaces: Namespaces, size: int
) -> None:
    """By the validation of the kind, or by the size of the request, as past the gateway."""
    namespace = namespaces()
    manifest = workloads.manifest("ConfigMap", "huge", namespace)
    manifest["data"] = {"text": "x" * size}
    through, past = (
        variant(direct=direct).run("create", "--validate=false", "-f", "-", stdin=json.dumps(manifest))
        for direct in (False, True)
    )
    assert (through.code, _last(through)) == (past.code, _last(past))
    assert past.code == 1
    assert administrator.get(workloads.PLACES["ConfigMap"], namespace, "huge") is None


def test_a_continue_token_that_expired_is_gone(
    facade: Facade, administrator: KubernetesApi, namespaces: Namespaces
) -> None:
    """Of a list that the cluster answers: the client hears 410 with the API server's words, and begins again."""
    namespace = namespaces()
    for number in range(3):
        administrator.create(workloads.PLACES["Secret"], workloads.manifest("Secret", f"key-{number}", namespace))
    with new_client(str(facade.kubeconfig())) as session:
        core: Any = client.CoreV1Api(session)
        token = core.list_namespaced_secret(namespace, limit=1).metadata._continue
        assert token
        facade.control_plane.compact()

        def answer() -> dict[str, Any]:
            try:
                listed = core.list_namespaced_secret(namespace, limit=1, _continue=token)
            except ApiException as refused:
                document: dict[str, Any] = json.loads(str(refused.body))
                return document
            return {"code": 200, "items": len(listed.items)}

        wait_until(lambda: answer()["code"] not in (503, 504), what="an API server that is back")
        assert (answer()["code"], answer()["reason"]) == (410, "Expired")
        assert len(core.list_namespaced_secret(namespace).items) == 3


def test_clients_that_hang_up_leave_nothing_behind(
    facade: Facade, administrator: KubernetesApi, namespaces: Namespaces, node: PlayedNode
) -> None:
    """Watches of both sources and followed logs, killed in the middle: no exchange and no watch stays open."""
    namespace = namespaces()
    administrator.create(workloads.PLACES["Pod"], workloads.manifest("Pod", "one", namespace))
    kubectl = facade.kubectl()
    here = f"--namespace={namespace}"
    wait_until(lambda: "Running" in kubectl.run(here, "get", "pod", "one").out, what="a pod that runs")
    wait_until(lambda: not sum(gauges(facade)), what="the end of what others opened")
    commands = [(here, "get", kind, "-w") for kind in ("configmaps", "secrets")]
    processes = [kubectl.start(*command) for command in commands for _ in range(READERS)]
    try:
        wait_until(lambda: sum(gauges(facade)) >= len(processes), what="watches that are open")
    finally:
        for process in processes:
            hang_up(process)

    wait_until(lambda: not sum(gauges(facade)), what="nothing that is left open")


def hang_up(process: subprocess.Popen[str]) -> None:
    """End a client without a word."""
    process.kill()
    process.communicate()


def gauges(facade: Facade) -> tuple[float, float]:
    """Exchanges through agents and watches out of the mirror that are open now."""
    url = facade.stack.instances["gateway"].metrics_url
    return total(url, "fairlead_gateway_tunnels"), total(url, "fairlead_gateway_watches")


def test_no_write_of_this_module_is_left_open(facade: Facade) -> None:
    """Each row of the journal has an end."""
    with facade.stack.gateway() as gateway:
        wait_until(lambda: _ended(gateway), what="the end of every write")


def _ended(gateway: Gateway) -> bool:
    return all(row["outcome"] != "open" for row in gateway.writes(ACCOUNT))
