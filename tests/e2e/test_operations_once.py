"""Operations take effect once, whoever dies meanwhile; the API server's audit log is the witness."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from tests.e2e.conftest import ACCOUNT, Cluster, adopt, discard
from tests.support import workloads
from tests.support.bus_surgery import delete_stream
from tests.support.kubernetes_api import JsonObject
from tests.support.polling import wait_until
from tests.support.tcp_proxy import TcpProxy
from tests.support.workloads import PLACES
from ulid import ULID

from fairlead.cli.gateway import FINAL_STATES, Gateway, GatewayRefusal, GatewayUnreachable
from fairlead.cli.stack import Stack
from fairlead.contracts.streams import CLAIMS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

OF_EACH = 40
CALLERS = 12
ANSWER_DELAY_S = 0.1
"""Answers of the API server come late, so that executors die between effect and answer."""
QUICK = {"gateway": {"operations": {"unclaimedSeconds": 2, "claimedSeconds": 3, "deadlineSeconds": 30}}}
ENDED_WITHIN_S = 100.0
KILLS_MIN = 6


class Order(NamedTuple):
    """One operation."""

    id: str
    kind: str
    request: JsonObject
    name: str


def orders(namespace: str) -> list[Order]:
    """Forty operations of each of five kinds, each about an object of its own."""

    def target(kind: str, name: str) -> JsonObject:
        return {"kind": kind, "apiVersion": PLACES[kind].api_version, "namespace": namespace, "name": name}

    def order(kind: str, number: int) -> Order:
        name = f"{kind}-{number}"
        requests: dict[str, JsonObject] = {
            "create": {"manifest": workloads.manifest("ConfigMap", name, namespace)},
            "apply": {"manifest": workloads.manifest("ConfigMap", name, namespace)},
            "patch": {"target": target("NetworkPolicy", name), "patchType": "json",
                      "patch": [{"op": "add", "path": "/spec/ingress/-", "value": {}}]},
            "scale": {"target": target("StatefulSet", name), "replicas": 0},
            "delete": {"target": target("ConfigMap", name)},
        }  # fmt: skip
        return Order(str(ULID()), kind, {"account": ACCOUNT, "kind": kind, **requests[kind]}, name)

    made = [
        order(kind, number) for kind in ("create", "apply", "patch", "scale", "delete") for number in range(OF_EACH)
    ]
    random.Random(1).shuffle(made)  # noqa: S311 - an order, no key
    return made


def prepare(cluster: Cluster, namespace: str) -> None:
    """Create what will be patched, scaled and deleted."""
    for number in range(OF_EACH):
        policy = workloads.manifest("NetworkPolicy", f"patch-{number}", namespace)
        policy["spec"]["ingress"] = [{}]
        cluster.api.create(PLACES["NetworkPolicy"], policy)
        cluster.api.create(PLACES["StatefulSet"], workloads.manifest("StatefulSet", f"scale-{number}", namespace))
        cluster.api.create(PLACES["ConfigMap"], workloads.manifest("ConfigMap", f"delete-{number}", namespace))


@contextmanager
def dying(stack: Stack) -> Iterator[list[str]]:
    """Kill one executor after the other for as long as the context lasts; gives the list of the killed."""
    killed: list[str] = []
    over = threading.Event()

    def kill() -> None:
        names = [name for name, instance in stack.instances.items() if instance.service == "executor"]
        while not over.wait(0.3):
            name = names[len(killed) % len(names)]
            stack.kill(name)
            killed.append(name)
            stack.start(name)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join(60)
        adopt(stack)


def submit(gateway: Gateway, order: Order) -> None:
    """Submit an operation as a caller does who repeats what was not answered."""
    for _ in range(20):
        try:
            gateway.submit(order.request, operation_id=order.id)
        except GatewayUnreachable:
            continue
        except GatewayRefusal as refusal:
            if refusal.status != 503:
                raise
        else:
            return
    pytest.fail(f"the gateway never took {order.kind} {order.name}")


@contextmanager
def behind_a_slow_network(cluster: Cluster, directory: Path) -> Iterator[Cluster]:
    """The cluster, with an address at which its answers come late."""
    document = json.loads(cluster.kubeconfig.read_text(encoding="utf-8"))
    port = urlsplit(document["clusters"][0]["cluster"]["server"]).port
    assert port is not None
    with TcpProxy(port, answer_delay_s=ANSWER_DELAY_S) as proxy:
        document["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
        kubeconfig = directory / "slow-kubeconfig"
        kubeconfig.write_text(json.dumps(document), encoding="utf-8")
        yield replace(cluster, kubeconfig=kubeconfig)


def test_each_operation_takes_effect_once(cluster: Cluster, stacks: Callable[..., Stack], tmp_path: Path) -> None:
    """Of 200 operations, with executors killed and the claims lost: one effect for each success, none twice, none open."""
    namespace = cluster.new_namespace()
    prepare(cluster, namespace)
    todo = orders(namespace)
    with behind_a_slow_network(cluster, tmp_path) as slow:
        stack = stacks(slow.account(kinds=["ConfigMap"]), replicas={"executor": 2}, overrides=QUICK)
        with stack.gateway() as gateway, ThreadPoolExecutor(CALLERS) as callers:
            wait_until(lambda: bool(gateway.accounts()), what="the claim, before which no operation is taken")
            with dying(stack) as killed:
                for half in (todo[:100], todo[100:]):
                    for part in range(0, len(half), CALLERS):
                        list(callers.map(lambda order: submit(gateway, order), half[part : part + CALLERS]))
                        wanted = len(killed) + (1 if part % (3 * CALLERS) == 0 else 0)
                        wait_until(lambda wanted=wanted: len(killed) >= wanted)  # type: ignore[misc]
                    if half[0] is todo[0]:
                        assert delete_stream(stack, f"KV_{CLAIMS.name}")
            assert len(killed) >= KILLS_MIN
            ended = await_ends(gateway, todo)
        discard(stack)
    problems = list(judge(cluster, namespace, todo, ended))
    told = Counter((order.kind, ended[order.id]["state"]) for order in todo)
    assert not problems, "\n".join([*problems[:20], str(told)])
    assert sum(count for (_, state), count in told.items() if state == "succeeded") > len(todo) / 2, told
    cluster.api.delete(PLACES["Namespace"], "", namespace)


def await_ends(gateway: Gateway, todo: list[Order]) -> dict[str, JsonObject]:
    """Wait until every operation has ended; returns them by id."""
    ended: dict[str, JsonObject] = {}

    def all_ended() -> bool:
        for order in todo:
            if order.id not in ended:
                operation = gateway.operation(order.id)
                if operation["state"] not in FINAL_STATES:
                    return False
                ended[order.id] = operation
        return True

    wait_until(all_ended, within_s=ENDED_WITHIN_S, what="the end of every operation")
    return ended


def judge(cluster: Cluster, namespace: str, todo: list[Order], ended: dict[str, JsonObject]) -> Iterator[str]:
    """Hold what was told of each operation to the audit log and to the cluster."""
    effects: Counter[str] = Counter()
    for audit_id, count in cluster.writes_by_audit_id().items():
        effects[audit_id.partition(".")[0]] += count
    for order in todo:
        state, count = ended[order.id]["state"], effects[order.id]
        result = ended[order.id].get("result") or {}
        what = f"{order.kind} {order.name} ({state}: {result.get('reason')} {result.get('message')})"
        if count > 1:
            yield f"{what} took effect {count} times"
        if state == "succeeded" and count != 1:
            yield f"{what} has {count} effects in the audit log"
        if state in ("failed", "expired") and count:
            yield f"{what} took effect although it says that it did not"
        if state == "unknown" and not result.get("message"):
            yield f"{what} does not say what may have happened"
        if not _holds(cluster, namespace, order, count):
            yield f"{what} does not show in the cluster as in the audit log ({count})"


def _holds(cluster: Cluster, namespace: str, order: Order, count: int) -> bool:
    """Whether the cluster shows exactly so many effects of an operation."""

    def read(kind: str) -> Any:
        return cluster.api.get(PLACES[kind], namespace, order.name)

    match order.kind:
        case "create" | "apply":
            return bool((read("ConfigMap") is not None) == (count == 1))
        case "delete":
            return bool((read("ConfigMap") is None) == (count == 1))
        case "patch":
            return bool(len(read("NetworkPolicy")["spec"]["ingress"]) == 1 + count)
        case _:
            return bool(read("StatefulSet")["spec"]["replicas"] == 1 - count)
