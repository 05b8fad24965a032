"""The end-to-end story in containers: a change comes up, an operation goes down, kubectl passes through, a secret stays."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator

import pytest
from tests.support import workloads
from tests.support.deployment import ACCOUNT, SERVICES, Deployment, docker
from tests.support.kubectl import Kubectl
from tests.support.kubernetes_api import KubernetesApi
from tests.support.leak_search import found_in_bytes
from tests.support.polling import wait_until
from tests.support.workloads import PLACES
from ulid import ULID

from fairlead.cli.gateway import Gateway

_CHANGE_S = 20.0
_OPERATION_S = 40.0
_DUMP = 'for table in $(psql -At {who} -c "{names}"); do psql -At {who} -c "select t::text from $table t"; done'
_TABLES = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname !~ '^pg_|^information'"


@pytest.fixture
def namespace(cluster: KubernetesApi) -> Iterator[str]:
    """A namespace of the cluster."""
    name = f"deploy-{secrets.token_hex(4)}"
    cluster.create(PLACES["Namespace"], workloads.namespace(name))
    yield name
    cluster.delete(PLACES["Namespace"], "", name)


def names(gateway: Gateway, kind: str, namespace: str) -> set[str]:
    """The rows of a kind in a namespace."""
    return {row["name"] for row in gateway.objects(ACCOUNT, kind=kind, namespace=namespace)}


def test_a_change_in_the_cluster_is_a_row(gateway: Gateway, cluster: KubernetesApi, namespace: str) -> None:
    """Created, changed and deleted."""
    cluster.create(PLACES["Deployment"], workloads.manifest("Deployment", "till", namespace))
    wait_until(lambda: names(gateway, "Deployment", namespace) == {"till"}, within_s=_CHANGE_S, what="the row")
    cluster.merge(PLACES["Deployment"], namespace, "till", {"metadata": {"labels": {"changed": "yes"}}})
    wait_until(
        lambda: bool(
            list(gateway.objects(ACCOUNT, kind="Deployment", namespace=namespace, labelSelector="changed=yes"))
        ),
        within_s=_CHANGE_S,
        what="the new label",
    )
    wait_until(lambda: len(names(gateway, "Pod", namespace)) == 2, within_s=_CHANGE_S, what="two rows of pods")
    cluster.delete(PLACES["Deployment"], namespace, "till")
    wait_until(
        lambda: not names(gateway, "Deployment", namespace) | names(gateway, "Pod", namespace),
        within_s=_CHANGE_S,
        what="the end of the rows",
    )


def test_an_operation_takes_effect(gateway: Gateway, cluster: KubernetesApi, namespace: str) -> None:
    """What was applied is in the cluster, with the result that the caller is told, and soon in the mirror."""
    manifest = workloads.manifest("Service", "counter", namespace)
    request = {"account": ACCOUNT, "kind": "apply", "manifest": manifest}
    done = gateway.submit(request, operation_id=str(ULID()), wait_s=_OPERATION_S)

    assert done["state"] == "succeeded", done
    found = cluster.get(PLACES["Service"], namespace, "counter")
    assert found is not None
    assert found["spec"]["selector"] == {"app": "counter"}
    wait_until(lambda: names(gateway, "Service", namespace) == {"counter"}, within_s=_CHANGE_S, what="its row")


def test_kubectl_passes_through(kubectl: Kubectl, cluster: KubernetesApi, namespace: str) -> None:
    """Reads come from the mirror, writes reach the cluster, and a read sees the write before it."""
    manifest = {**workloads.manifest("ConfigMap", "prices", namespace), "data": {"tea": "3"}}
    kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    shown = kubectl("-n", namespace, "get", "configmap", "prices", "-o", "jsonpath={.data.tea}")
    held = cluster.get(PLACES["ConfigMap"], namespace, "prices")
    kubectl("-n", namespace, "delete", "configmap", "prices")

    assert shown == "3"
    assert held is not None
    assert held["data"] == {"tea": "3"}
    assert cluster.get(PLACES["ConfigMap"], namespace, "prices") is None


def test_a_secret_is_never_seen(
    deployment: Deployment, gateway: Gateway, cluster: KubernetesApi, namespace: str
) -> None:
    """Its row is there without its value, which no log, no table, no store of the bus and no file system holds."""
    token = f"hidden{secrets.token_hex(16)}"
    manifest = workloads.manifest("Secret", "vault", namespace)
    cluster.create(PLACES["Secret"], {**manifest, "stringData": {"password": token}})
    wait_until(lambda: names(gateway, "Secret", namespace) == {"vault"}, within_s=_CHANGE_S, what="its row")
    cluster.create(PLACES["Service"], workloads.manifest("Service", "after", namespace))
    wait_until(lambda: names(gateway, "Service", namespace) == {"after"}, within_s=_CHANGE_S, what="what came after it")

    tokens = {"the value": token}
    found = [hit for name, text in deployment.logs().items() for hit in found_in_bytes(text.encode(), tokens, name)]
    found += found_in_bytes(tables(deployment).encode(), tokens, "the tables")
    for service, path in (("nats", "/data"), ("postgres", "/var/lib/postgresql/data")):
        found += found_in_bytes(copied(deployment, service, path), tokens, f"{service}:{path}")
    found += [
        hit for service in SERVICES for hit in found_in_bytes(copied(deployment, service, "/run"), tokens, service)
    ]
    assert not found


def test_what_searches_for_the_secret_finds_what_is_there(deployment: Deployment, namespace: str) -> None:
    """The same search finds a name that the mirror holds."""
    assert found_in_bytes(tables(deployment).encode(), {"the namespace": namespace}, "the tables")


def tables(deployment: Deployment) -> str:
    """Every row of the gateway's database as text."""
    script = _DUMP.format(who="-U fairlead -d fairlead", names=_TABLES)
    return docker("exec", deployment.container("postgres"), "sh", "-c", script)


def copied(deployment: Deployment, service: str, path: str) -> bytes:
    """A directory of a container, as one archive."""
    command = ["docker", "cp", f"{deployment.container(service)}:{path}", "-"]
    done = subprocess.run(command, check=True, capture_output=True)
    assert len(done.stdout) > 512
    return done.stdout
