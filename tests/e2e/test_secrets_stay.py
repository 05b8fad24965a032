"""No value of a Secret is found in anything that a stack writes down, and the search finds what is planted."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import secrets
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import nats
import pytest
from tests.e2e.conftest import ACCOUNT, Cluster
from tests.support import workloads
from tests.support.custom_resources import defined
from tests.support.kubernetes_api import JsonObject
from tests.support.leak_search import TraceCollector, disguises, found_in_bytes, found_in_database, found_in_files
from tests.support.mirror_checker import MirrorChecker
from tests.support.polling import wait_until
from tests.support.secrets import LAST_APPLIED
from tests.support.workloads import PLACES, WIDGET_KIND
from ulid import ULID

from fairlead.cli.gateway import FINAL_STATES, Gateway
from fairlead.cli.stack import Stack
from fairlead.cli.stack.stack import DATABASE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

KAPP_ORIGINAL = "kapp.k14s.io/original"


class Sentinels:
    """Secret values by the way that they take."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}

    def value(self, way: str) -> str:
        """A value that JSON has to escape, around a token that is looked for."""
        token = f"s3nt{secrets.token_hex(10)}"
        self.tokens[way] = token
        return f'{token}"\\é\n{token}'


def secret(name: str, namespace: str, value: str) -> JsonObject:
    """A Secret with the value as text and as base64."""
    coded = base64.b64encode(value.encode()).decode()
    manifest = workloads.manifest("Secret", name, namespace)
    return {**manifest, "stringData": {"text": value}, "data": {"coded": coded}}


def with_copy(manifest: JsonObject, copy: JsonObject, annotation: str = LAST_APPLIED) -> JsonObject:
    """A manifest that carries a document in an annotation."""
    annotations = {**manifest["metadata"]["annotations"], annotation: json.dumps(copy) + "\n"}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": annotations}}


def write_to_cluster(cluster: Cluster, namespace: str, sentinels: Sentinels) -> None:
    """Everything that people do with Secrets, past Fairlead."""
    api, place = cluster.api, PLACES["Secret"]
    applied = secret("applied", namespace, sentinels.value("applied"))
    if cluster.control_plane is not None:
        cluster.control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(applied))
    else:
        api.create(place, with_copy(applied, applied))
    changed = secret("applied", namespace, sentinels.value("changed"))
    api.merge(place, namespace, "applied", with_copy(changed, changed))
    api.create(place, secret("deleted", namespace, sentinels.value("deleted")))
    api.delete(place, namespace, "deleted")
    copied = secret("copied", namespace, sentinels.value("copied into a ConfigMap's annotation"))
    api.create(PLACES["ConfigMap"], with_copy(workloads.manifest("ConfigMap", "copy", namespace), copied))
    listed = secret("listed", namespace, sentinels.value("in a List in a custom resource"))
    bundle = workloads.manifest("Widget", "bundle", namespace)
    bundle["spec"] = {"objects": {"apiVersion": "v1", "kind": "List", "items": [listed]}, "text": json.dumps([listed])}
    api.create(PLACES["Widget"], bundle)
    api.merge(PLACES["Widget"], namespace, "bundle", {"metadata": {"labels": {"changed": "yes"}}})


def operate(gateway: Gateway, namespace: str, sentinels: Sentinels) -> None:
    """Everything that people do with Secrets through Fairlead."""

    def run(kind: str, **request: Any) -> JsonObject:
        request = {"account": ACCOUNT, "kind": kind, **request}
        return gateway.submit(request, operation_id=str(ULID()), wait_s=40)

    target = {"kind": "Secret", "apiVersion": "v1", "namespace": namespace, "name": "ours"}
    ours = secret("ours", namespace, sentinels.value("created by an operation"))
    assert run("create", manifest=with_copy(with_copy(ours, ours), ours, KAPP_ORIGINAL))["state"] == "succeeded"
    again = secret("ours", namespace, sentinels.value("applied by an operation"))
    assert run("apply", manifest=again, force=True)["state"] == "succeeded"
    patch = {"stringData": {"text": sentinels.value("patched by an operation")}}
    assert run("patch", target=target, patch=patch, patchType="merge")["state"] == "succeeded"
    assert run("create", manifest=ours)["state"] == "failed"
    broken = {**secret("broken", namespace, ""), "data": {"coded": sentinels.value("refused by the API server")}}
    assert run("create", manifest=broken)["state"] in FINAL_STATES  # a real API server fails it, and says why
    misplaced = {**ours, "metadata": {**ours["metadata"], "namespace": "nowhere"}}
    assert run("apply", manifest=misplaced)["state"] == "failed"
    copied = with_copy(workloads.manifest("ConfigMap", "ours", namespace), again)
    assert run("create", manifest=copied)["state"] == "succeeded"
    read = run("get", target=target)
    told = base64.b64decode(gateway.result(read["id"])["data"]["text"]).decode()
    assert told == patch["stringData"]["text"], "callers get what they ask for live"
    listed = run("list", target={key: target[key] for key in ("kind", "apiVersion", "namespace")})
    assert len(gateway.result(listed["id"])["items"]) >= 2
    assert run("delete", target=target)["state"] == "succeeded"


def leave_pending(stack: Stack, gateway: Gateway, namespace: str, sentinels: Sentinels) -> str:
    """An operation that nobody takes, over a restart of the gateway and of the bridge."""
    stack.kill("executor")
    manifest = secret("pending", namespace, sentinels.value("pending while the gateway restarts"))
    pending = gateway.submit({"account": ACCOUNT, "kind": "create", "manifest": manifest}, operation_id=str(ULID()))
    assert pending["state"] in ("pending", "sent")
    stack.kill("gateway", "bridge")
    stack.start("gateway", "bridge")
    return str(pending["id"])


def publish(stack: Stack, stream: str, data: bytes) -> None:
    """Store a message on the bus."""

    async def store() -> None:
        user, password = stack.bus_login()
        client = await nats.connect(stack.nats.url, user=user, password=password, allow_reconnect=False)
        await client.jetstream().add_stream(name=stream, subjects=[stream])
        await client.jetstream().publish(stream, data)
        await client.close()

    asyncio.run(store())


def figures(stack: Stack) -> Iterator[tuple[str, bytes]]:
    """What all services tell of themselves."""
    for name, instance in stack.instances.items():
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(instance.metrics_url, timeout=10) as answer:
            yield f"metrics of {name}", answer.read()
        connection = http.client.HTTPConnection("127.0.0.1", instance.health_port, timeout=10)
        connection.request("GET", "/health")
        yield f"health of {name}", connection.getresponse().read()
        connection.close()


def test_secrets_stay_in_the_cluster(cluster: Cluster, stacks: Callable[..., Stack]) -> None:
    """Written to the cluster, submitted and read as operations: no value is in the bus, database, log, trace or metric."""
    sentinels, planted = Sentinels(), {"planted": f"pl4nt{secrets.token_hex(10)}"}
    namespace = cluster.new_namespace()
    with ExitStack() as around:
        collector = around.enter_context(TraceCollector())
        tracing = {"tracing": {"endpoint": collector.endpoint, "eventsPerSecond": 1000}}
        kinds = ["ConfigMap", "Secret", "Deployment", "CustomResourceDefinition", WIDGET_KIND]
        stack = stacks(cluster.account(kinds=kinds, namespaces=[namespace]), overrides=tracing, log_level="debug")
        around.enter_context(defined(cluster.api, workloads.widget_definition()))
        gateway = around.enter_context(stack.gateway())
        checker = MirrorChecker(gateway, cluster.api, ACCOUNT)
        wait_until(lambda: checker.watches("secrets", "configmaps", f"widgets.{workloads.GROUP}"))

        write_to_cluster(cluster, namespace, sentinels)
        operate(gateway, namespace, sentinels)
        pending = leave_pending(stack, gateway, namespace, sentinels)
        during = found_in_database(stack.postgres, DATABASE, sentinels.tokens)
        stack.start("executor")
        assert gateway.operation(pending, wait_s=40)["state"] == "succeeded"
        wait_until(lambda: {"applied", "pending"} == {row["name"] for row in gateway.objects(ACCOUNT, kind="Secret")
                                                      if row["name"] in ("applied", "pending", "ours", "deleted")})  # fmt: skip

        plant = workloads.manifest("ConfigMap", "plant", namespace)
        cluster.api.create(PLACES["ConfigMap"], {**plant, "data": {"x": planted["planted"]}})
        wait_until(lambda: any(row["name"] == "plant" for row in gateway.objects(ACCOUNT, kind="ConfigMap")))
        publish(stack, "planted", base64.b64encode(f"..{planted['planted']}".encode()))
        everything = {**sentinels.tokens, **planted}
        in_figures = [hit for name, text in figures(stack) for hit in found_in_bytes(text, everything, name)]
        in_rows = found_in_database(stack.postgres, DATABASE, everything)
        stack.stop_all()
        wait_until(lambda: bool(collector.bodies), what="traces")
        in_traces = [hit for body in collector for hit in found_in_bytes(body, everything, "traces")]
    in_files = found_in_files(stack.files.directory, everything)
    cluster.api.delete(PLACES["Namespace"], "", namespace)

    hits = [*during, *in_figures, *in_rows, *in_traces, *in_files]
    leaks = [hit for hit in hits if not hit.startswith("planted")]
    assert not leaks, "\n".join(leaks)
    assert any("fairlead.objects" in hit for hit in in_rows), "the search reads the database's rows"
    assert any("postgres/data/pg_wal" in hit for hit in in_files), "the search reads PostgreSQL's log"
    assert any("as base64 at 2 in nats/jetstream" in hit for hit in in_files), "the search reads the bus's files"


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
def test_the_search_sees_through_disguises(before: str) -> None:
    """A token is found plain, escaped, in base64 wherever it begins, in base64 of base64, and in hexadecimal digits."""
    token, text = "t0ken" * 4, f'{before}{"t0ken" * 4}"é'
    once = base64.b64encode(text.encode())
    for data in (text.encode(), json.dumps(json.dumps(text)).encode(), once, base64.b64encode(before.encode() + once)):
        assert found_in_bytes(data, {"it": token}, "here")
        assert found_in_bytes(data.hex().encode(), {"it": token}, "here")
    assert not found_in_bytes(base64.b64encode(b"some other text than the token"), {"it": token}, "here")
    assert min(map(len, disguises(token).values())) > 16
