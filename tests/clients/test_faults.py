"""Faults under Clouddriver and kubectl: what was sent is told from what was not, nothing happens twice, nothing seems gone.

The rules: while nothing was sent, 503, and kubectl repeats it by itself; once it was on its way, 504 and no repetition. A list
fails or is whole: Clouddriver takes what a list lacks for deleted.
"""

from __future__ import annotations

import functools
import itertools
import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.clients.conftest import Namespaces, informers_binary, kubectl_binary
from tests.clients.sea import HEALED_WITHIN_S, Sea
from tests.e2e.conftest import ACCOUNT, FACADE_KINDS, adopt
from tests.support import workloads
from tests.support.audit_tail import AuditTail, effects
from tests.support.caching_agent import caching
from tests.support.clouddriver import Clouddriver, KubectlFailed
from tests.support.informer_program import cluster_stores, running_informers
from tests.support.kubectl import Kubectl, Ran
from tests.support.kubernetes_api import KubernetesApi
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.live_accounts import resources_of
from tests.support.polling import wait_until
from tests.support.tcp_proxy import TcpProxy

from fairlead.cli.stack import AccountPlan, Stack

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(180)]

NOT_SENT = "nothing was sent"
REFUSED = "connection refused"
UNKNOWN = "the outcome is unknown"
QUICK: dict[str, Any] = {
    "kubernetes": {"inventoryIntervalSeconds": 5},
    "clouddriver": {"keepAliveHeartbeatSeconds": 1, "backoff": {"baseDelay": 0.2, "maxDelay": 1}},
    "gateway": {"link": {"heartbeatSeconds": 1}},
}
SLOW_ANSWER_S = 3.0
SLOW_PIECE_S = 0.01
"""Each piece of an answer comes so late that a large one is about a second under way."""
SHOPS = ("one", "two", "three")
WANTED = {(kind, name) for kind in ("Service", "Ingress", "NetworkPolicy", "CronJob") for name in SHOPS}
DEATHS, DEATHS_WITHIN_S, WRITERS = 3, 60.0, 3
REFLECTORS_WITHIN_S = 90.0
"""After some failures client-go's reflectors rest for up to a minute (client-go, tools/cache/reflector.go)."""
LARGE_SECRETS, LARGE_BYTES = 12, 500_000


@pytest.fixture(scope="module")
def _sea(
    _session_control_plane: ControlPlane,
    stacks: Callable[..., Stack],
    administrator: KubernetesApi,
    namespaces: Namespaces,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Sea]:
    plane, namespace, calm = _session_control_plane, namespaces(), namespaces()
    for place in (namespace, calm):
        for name in SHOPS:
            for kind in ("Service", "Ingress", "NetworkPolicy", "CronJob", "ConfigMap"):
                administrator.create(workloads.PLACES[kind], workloads.manifest(kind, name, place))
    document = json.loads(plane.kubeconfig.read_text(encoding="utf-8"))
    with ExitStack() as around:
        port = urlsplit(plane.server).port
        assert port is not None
        way_to_api = around.enter_context(TcpProxy(port))
        document["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{way_to_api.port}"
        kubeconfig = tmp_path_factory.mktemp("sea") / "kubeconfig"
        kubeconfig.write_text(json.dumps(document), encoding="utf-8")
        stack = stacks(AccountPlan(ACCOUNT, kubeconfig, "admin-token", {"kinds": FACADE_KINDS}), started=False)
        link = around.enter_context(TcpProxy(stack.addresses.link_port))
        stack.configure({**QUICK, "clouddriver": {**QUICK["clouddriver"], "grpc": f"127.0.0.1:{link.port}"}})
        stack.start_all()
        adopt(stack)
        sea = Sea(stack, plane, link, way_to_api, administrator, namespace, calm, kubectl_binary("1.30"))
        with stack.gateway() as gateway:
            wait_until(lambda: len(resources_of(gateway, ACCOUNT)) == len(FACADE_KINDS), what="all kinds")
        yield sea


@pytest.fixture
def sea(_sea: Sea) -> Iterator[Sea]:
    """The sea, calm before the test and after it."""
    _sea.heal()
    yield _sea
    _sea.heal()


def config_map(sea: Sea, name: str) -> str:
    """A manifest on standard input."""
    return json.dumps(workloads.manifest("ConfigMap", name, sea.namespace))


def create(sea: Sea, kubectl: Kubectl, name: str) -> Ran:
    """Create a ConfigMap; no schema is asked for, so that the write is the only request."""
    return kubectl.run("create", "--validate=false", "-o", "json", "-f", "-", stdin=config_map(sea, name))


def cut_off(sea: Sea) -> None:
    """Cut the link, and wait until the gateway knows."""
    sea.link.cut()
    files = sea.stack.files
    with httpx.Client(
        headers={"Authorization": f"Bearer {files.facade_token.read_text().strip()}"},
        verify=ssl.create_default_context(cafile=files.ca),
        trust_env=False,
    ) as door:
        service = f"{sea.stack.facade(ACCOUNT)}/api/v1/namespaces/{sea.calm}/services/one"
        wait_until(lambda: door.get(service).status_code == 503, what="a gateway that knows that the agent is away")


def test_while_the_agent_is_away_lists_are_whole_and_reads_of_objects_fail(sea: Sea) -> None:
    """Lists come from the mirror as they were; what only the cluster can tell is refused after kubectl's own retries."""
    with caching(Clouddriver(sea.kubectl()), sea.calm, WANTED) as agent:
        cut_off(sea)
        before = agent.whole
        read = sea.kubectl().run(f"--namespace={sea.calm}", "get", "service", "one", "-o", "json")
        with pytest.raises(KubectlFailed, match=NOT_SENT):
            Clouddriver(sea.kubectl()).list_kinds(["secret"], sea.calm)
        wait_until(lambda: agent.whole > before + 2, what="lists while the agent is away")
    assert read.code == 1
    assert NOT_SENT in read.err


@pytest.mark.parametrize("write", ["create", "apply"])
def test_a_write_that_waits_for_the_agent_is_done_once_when_it_is_back(sea: Sea, write: str) -> None:
    """A 503 is repeated by kubectl itself: the agent comes back within ten seconds, and nothing is seen but a delay."""
    cut_off(sea)
    audit, kubectl, refused = sea.audit(), sea.kubectl(), sea.refused()
    with ThreadPoolExecutor(1) as pool:
        if write == "create":
            running = pool.submit(create, sea, kubectl, f"late-{write}")
        else:
            running = pool.submit(kubectl.run, "apply", "-f", "-", stdin=config_map(sea, f"late-{write}"))
        wait_until(lambda: sea.refused() > refused, what="a request that is refused")
        sea.link.mend()
        ran = running.result()

    assert ran.code == 0, ran.err
    assert sorted(effects(_writes(audit, sea)).values()) == [1]


def _writes(audit: AuditTail, sea: Sea) -> list[Any]:
    """What kubectl wrote into the namespace."""
    return audit.read(
        lambda each: each.namespace == sea.namespace and each.agent.startswith("kubectl") and each.took_effect
    )


@pytest.mark.parametrize("part", ["executor", "bridge", "link", "gateway"])
def test_a_write_whose_answer_is_lost_is_not_repeated(sea: Sea, part: str) -> None:
    """It took effect once; kubectl is told at once that nobody knows, and does not try again."""
    audit, kubectl, name = sea.audit(), sea.kubectl(), f"lost-{part}"
    sea.way_to_api.answer_delay_s = SLOW_ANSWER_S
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(create, sea, kubectl, name)
        wait_until(
            lambda: sea.api.get(workloads.PLACES["ConfigMap"], sea.namespace, name) is not None, what="its effect"
        )
        if part == "link":
            sea.link.cut()
        else:
            sea.stack.kill(part)
        ran = running.result()

    assert ran.code == 1, ran.out
    if part != "gateway":  # which cannot say anything any more: the connection ends
        assert UNKNOWN in ran.err, ran.err
    sea.heal()
    assert sorted(effects(_writes(audit, sea)).values()) == [1]


def test_a_write_before_which_the_executor_died_is_not_made_up(sea: Sea) -> None:
    """While no executor runs nothing is sent: kubectl waits, and succeeds when one is back."""
    audit, kubectl, refused = sea.audit(), sea.kubectl(), sea.refused()
    sea.stack.kill("executor")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(create, sea, kubectl, "without-executor")
        wait_until(lambda: sea.refused() > refused, what="a request that is refused")
        assert sea.api.get(workloads.PLACES["ConfigMap"], sea.namespace, "without-executor") is None
        sea.stack.start("executor")
        ran = running.result()

    assert ran.code == 0, ran.err
    assert sorted(effects(_writes(audit, sea)).values()) == [1]


def grow(sea: Sea, kubectl: Kubectl, name: str) -> Ran:
    """A patch that shows how often it was done."""
    body = json.dumps([{"op": "add", "path": "/spec/ingress/-", "value": {}}])
    return kubectl.run(
        f"--namespace={sea.namespace}", "patch", "networkpolicy", name, "--type", "json", "--patch", body
    )


@pytest.mark.parametrize("part", ["executor", "bridge", "gateway"])
def test_a_deploy_under_which_parts_die_writes_nothing_twice(sea: Sea, part: str) -> None:
    """Creations and patches in several kubectls while a part is killed again and again: each end tells the truth."""
    audit = sea.audit()
    sea.way_to_api.answer_delay_s = 0.1
    with caching(Clouddriver(sea.kubectl()), sea.namespace, WANTED) as agent, dying(sea, part) as killed:
        ended = written_under(sea, part, killed)
    sea.heal()

    assert len(killed) >= DEATHS
    assert agent.whole > 0
    assert set(effects(_writes(audit, sea)).values()) == {1}
    for name, created, ran in ended:
        count = times_done(sea, name, created=created)
        told = f"{name}: {ran.code}, {count} times done: {ran.err.strip()}"
        assert count <= 1, told
        if ran.code == 0:
            assert count == 1, told
        elif NOT_SENT in ran.err:
            assert count == 0, told


def written_under(sea: Sea, part: str, killed: list[str]) -> list[tuple[str, bool, Ran]]:
    """Create ConfigMaps and patch policies until enough has died; each one's name, whether it is created, and its end."""
    kubectl, numbers = sea.kubectl(), itertools.count()
    until = time.monotonic() + DEATHS_WITHIN_S

    def write() -> list[tuple[str, bool, Ran]]:
        ended = []
        while len(killed) < DEATHS and time.monotonic() < until:
            name = f"{part}-{next(numbers)}"
            policy = workloads.manifest("NetworkPolicy", name, sea.namespace)
            policy["spec"]["ingress"] = [{}]
            sea.api.create(workloads.PLACES["NetworkPolicy"], policy)
            ended.append((name, True, insist(functools.partial(create, sea, kubectl, name))))
            ended.append((name, False, insist(functools.partial(grow, sea, kubectl, name))))
        return ended

    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write) for _ in range(WRITERS)]
        return [each for writer in writers for each in writer.result()]


def insist(job: Callable[[], Ran]) -> Ran:
    """Run a command again as long as nobody listens at the gateway's door."""
    until = time.monotonic() + HEALED_WITHIN_S
    while REFUSED in (ran := job()).err and time.monotonic() < until:
        time.sleep(0.1)
    return ran


def times_done(sea: Sea, name: str, *, created: bool) -> int:
    """How often a write took effect, as the cluster shows it."""
    if created:
        return int(sea.api.get(workloads.PLACES["ConfigMap"], sea.namespace, name) is not None)
    policy = sea.api.get(workloads.PLACES["NetworkPolicy"], sea.namespace, name)
    assert policy is not None
    return len(policy["spec"]["ingress"]) - 1


@contextmanager
def dying(sea: Sea, part: str) -> Iterator[list[str]]:
    """Kill a part and start it again for as long as the context lasts."""
    killed: list[str] = []
    over = threading.Event()

    def kill() -> None:
        while not over.wait(1.0):
            sea.stack.kill(part)
            killed.append(part)
            sea.stack.start(part)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join(60)
        adopt(sea.stack)


@pytest.mark.parametrize("part", ["executor", "bridge", "link", "gateway"])
def test_a_live_list_that_breaks_off_is_an_error(sea: Sea, large_secrets: str, part: str) -> None:
    """Megabytes come from the cluster as a part dies: kubectl fails; asked again when all is well, the list is whole."""
    clouddriver, before = Clouddriver(sea.kubectl()), sea.way_to_api.answered_bytes
    sea.way_to_api.answer_delay_s = SLOW_PIECE_S
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(clouddriver.list_kinds, ["secret"], large_secrets)
        wait_until(lambda: sea.way_to_api.answered_bytes > before + LARGE_BYTES, what="some of the answer")
        assert not running.done()
        if part == "link":
            sea.link.cut()
        else:
            sea.stack.kill(part)
        with pytest.raises(KubectlFailed):
            running.result()

    sea.heal()
    listed = Clouddriver(sea.kubectl()).list_kinds(["secret"], large_secrets)
    assert len(listed) == LARGE_SECRETS
    assert sum(len(each["data"]["text"]) for each in listed) >= LARGE_SECRETS * LARGE_BYTES


@pytest.fixture(scope="module")
def large_secrets(_sea: Sea, namespaces: Namespaces) -> str:
    """A namespace with megabytes of secrets, which no compression makes small."""
    namespace = namespaces()
    for number in range(LARGE_SECRETS):
        manifest = workloads.manifest("Secret", f"large-{number}", namespace)
        manifest["stringData"] = {"text": secrets.token_hex(LARGE_BYTES // 2)}
        _sea.api.create(workloads.PLACES["Secret"], manifest)
    return namespace


def test_a_gateway_that_starts_without_an_agent_shows_what_it_stored(sea: Sea) -> None:
    """Lists, discovery and schemas that were asked for before are there at once after a restart, with no agent connected."""
    dry = ("create", "--dry-run=client", "-f", "-")
    sea.kubectl()(*dry, stdin=config_map(sea, "dry"))
    sea.link.cut()
    sea.stack.restart("gateway")
    adopt(sea.stack)

    with caching(Clouddriver(sea.kubectl()), sea.calm, WANTED):
        ran = sea.kubectl().run("api-resources", "-o", "name")
        schema = sea.kubectl().run(*dry, stdin=config_map(sea, "dry"))
    assert ran.code == 0, ran.err
    assert "deployments.apps" in ran.out
    assert schema.code == 0, schema.err


def test_informers_outlive_parts_that_die(sea: Sea, tmp_path: Path) -> None:
    """Bridge, gateway and executor are killed under informers; what they hold is the cluster's state in the end."""
    places = [workloads.PLACES[kind] for kind in ("Service", "NetworkPolicy", "ConfigMap", "Secret")]
    kubeconfig = sea.stack.kubeconfig(ACCOUNT)
    with running_informers(informers_binary(), kubeconfig, sea.namespace, places, tmp_path / "log") as informers:
        wait_until(lambda: bool(informers.state()["synced"]), what="informers that have listed everything")
        for number, part in enumerate(("bridge", "gateway", "executor")):
            sea.stack.kill(part)
            sea.api.create(workloads.PLACES["Service"], workloads.manifest("Service", f"after-{part}", sea.namespace))
            if number:
                sea.api.delete(
                    workloads.PLACES["Service"], sea.namespace, "after-bridge" if number == 1 else "after-gateway"
                )
            sea.stack.start(part)
        sea.heal()

        def equal() -> bool:
            return informers.stores() == cluster_stores(sea.api, sea.namespace, places)

        wait_until(equal, within_s=REFLECTORS_WITHIN_S, what="stores that equal the cluster")
