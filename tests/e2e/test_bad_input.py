"""What people get wrong and what breaks around the parts: a clear message, the right exit code, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.conftest import ACCOUNT, Cluster, adopt, discard
from tests.support import workloads
from tests.support.kubernetes_api import JsonObject, KubernetesApi
from tests.support.kubernetes_control_plane import PLAIN_USER, ControlPlane
from tests.support.live_accounts import is_live, resources_of
from tests.support.mirror_checker import MirrorChecker
from tests.support.old_nats_server import find_old_nats_server
from tests.support.polling import wait_until
from tests.support.simulated_api import SimulatedApi
from tests.support.workloads import PLACES
from ulid import ULID

from fairlead.cli import certs
from fairlead.cli.gateway import Gateway, GatewayRefusal, GatewayUnreachable
from fairlead.cli.parts.ports import free_port
from fairlead.cli.parts.processes import Process
from fairlead.cli.stack import AccountPlan, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

QUICK = {"watcher": {"retryMaxSeconds": 1, "refusedRetrySeconds": 2}, "kubernetes": {"requestTimeoutSeconds": 5}}
KINDS = ["Service", "ConfigMap", "Ingress"]
EXIT_CONFIGURATION = 2


@dataclass
class Shore:
    """A simulated cluster, with a namespace."""

    simulated: SimulatedApi
    api: KubernetesApi

    def plan(self, name: str, **options: Any) -> AccountPlan:
        """An account of it."""
        return AccountPlan(name, self.simulated.kubeconfig, options={"kinds": KINDS, **options})

    def create(self, kind: str, name: str, **contents: Any) -> JsonObject:
        """Create an object in the default namespace."""
        return self.api.create(PLACES[kind], {**workloads.manifest(kind, name, "default"), **contents})


@contextmanager
def shore(directory: Path) -> Iterator[Shore]:
    """A cluster of its own."""
    simulated = SimulatedApi(directory)
    simulated.start()
    with KubernetesApi(simulated.kubeconfig) as api:
        yield Shore(simulated, api)
    simulated.stop()


@pytest.fixture(scope="module")
def shores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shore, Shore]]:
    """Two clusters."""
    with shore(tmp_path_factory.mktemp("one")) as one, shore(tmp_path_factory.mktemp("two")) as two:
        yield one, two


@pytest.fixture(scope="module")
def stack(shores: tuple[Shore, Shore], stacks: Callable[..., Stack]) -> Stack:
    """Two accounts on one stack: `calm` has nothing to do with what happens to `shore`."""
    stack = stacks(shores[0].plan(ACCOUNT), shores[1].plan("calm"), overrides=QUICK)
    with stack.gateway() as gateway:
        for account in (ACCOUNT, "calm"):
            wait_until(partial(is_live, gateway, account, kinds=len(KINDS)), what=f"a complete mirror of {account}")
    return stack


@pytest.fixture
def gateway(stack: Stack) -> Iterator[Gateway]:
    """REST of the stack; whatever the test stopped or changed is put right afterwards."""
    accounts, overrides = stack.accounts, stack.overrides
    with stack.gateway() as gateway:
        yield gateway
    changed = (stack.accounts, stack.overrides) != (accounts, overrides)
    stack.accounts, stack.overrides = accounts, overrides
    stack.configure({})
    if changed:
        stack.stop("watcher", "bridge")
    stack.start(*(part for part in stack.parts if not stack.running(part)))
    adopt(stack)


def states(gateway: Gateway, account: str = ACCOUNT) -> dict[str, str]:
    """State of each resource of an account."""
    return {view["resource"]: view["state"] for view in resources_of(gateway, account)}


def names(gateway: Gateway, kind: str, account: str = ACCOUNT) -> set[str]:
    """Names of the rows of a kind."""
    return {row["name"] for row in gateway.objects(account, kind=kind)}


def logged(stack: Stack, part: str, *words: str) -> bool:
    """Whether one line of a part's log holds all words."""
    lines = stack.log(part).read_text(encoding="utf-8").splitlines()
    return any(all(word in line for word in words) for line in lines)


def test_an_unreachable_api_server(stack: Stack, gateway: Gateway, shores: tuple[Shore, Shore]) -> None:
    """Its rows stay and are stale with a reason, the other account goes on, and all is right when it is back."""
    broken, calm = shores
    broken.create("Service", "kept")
    wait_until(lambda: "kept" in names(gateway, "Service"))
    broken.simulated.stop_serving()
    wait_until(lambda: set(states(gateway).values()) == {"stale"}, what="stale resources")
    assert all(view["message"] for view in gateway.resources(ACCOUNT))
    assert all(view["since"] for view in gateway.resources(ACCOUNT))
    calm.create("Service", "meanwhile")
    wait_until(lambda: "meanwhile" in names(gateway, "Service", "calm"))
    assert set(states(gateway, "calm").values()) == {"live"}
    assert "kept" in names(gateway, "Service")

    stack.restart("watcher")
    wait_until(lambda: logged(stack, "watcher", "the account cannot be watched", ACCOUNT))
    calm.create("Service", "after a restart".replace(" ", "-"))
    wait_until(lambda: "after-a-restart" in names(gateway, "Service", "calm"))
    assert "kept" in names(gateway, "Service")
    assert "live" not in states(gateway).values(), "nobody watches them"
    broken.simulated.serve_again()
    wait_until(lambda: set(states(gateway).values()) == {"live"}, within_s=30, what="live resources")
    MirrorChecker(gateway, broken.api, ACCOUNT).assert_equal()


def test_a_kind_that_becomes_forbidden(gateway: Gateway, shores: tuple[Shore, Shore]) -> None:
    """Its rows stay and are refused with the API server's reason; other kinds go on; granted again, it comes alive."""
    cluster = shores[0].simulated
    shores[0].create("Service", "guarded")
    wait_until(lambda: "guarded" in names(gateway, "Service"))
    rule = cluster.do(lambda: cluster.cluster.faults.refuse("services", verbs=("list", "watch")))
    cluster.do(cluster.cluster.faults.cut_watches)
    wait_until(lambda: states(gateway)["services"] == "refused", what="a refused resource")
    told = next(view for view in gateway.resources(ACCOUNT) if view["resource"] == "services")
    assert "cannot" in told["message"]
    assert "guarded" in names(gateway, "Service")
    wait_until(lambda: states(gateway)["configmaps"] == "live")
    cluster.do(lambda: cluster.cluster.faults.withdraw(rule))
    wait_until(lambda: states(gateway)["services"] == "live", what="a live resource")


@pytest.mark.real
def test_a_user_without_rights(control_plane: ControlPlane, stacks: Callable[..., Stack], namespace: str) -> None:
    """A real API server refuses everything: each resource says so, and its account is there to be seen."""
    options = {"kinds": KINDS}
    plain = AccountPlan("plain", control_plane.kubeconfig, PLAIN_USER, options)
    admin = AccountPlan("admin", control_plane.kubeconfig, "admin", {**options, "namespaces": [namespace]})
    stack = stacks(plain, admin, overrides=QUICK)
    with stack.gateway() as gateway:
        wait_until(lambda: set(states(gateway, "plain").values()) == {"refused"}, what="refused resources")
        assert all("forbidden" in view["message"] for view in gateway.resources("plain"))
        wait_until(lambda: set(states(gateway, "admin").values()) == {"live"}, what="live resources")
    discard(stack)


def test_an_account_name_that_two_clusters_claim(stack: Stack, gateway: Gateway, shores: tuple[Shore, Shore]) -> None:
    """The second cluster is refused visibly, and not a row of it gets in; the first one comes back as if nothing was."""
    one, two = shores
    one.create("Service", "of-the-first")
    two.create("Service", "of-the-second")
    wait_until(lambda: "of-the-first" in names(gateway, "Service"))
    accounts = stack.accounts
    stack.accounts = (two.plan(ACCOUNT), two.plan("calm"))
    stack.configure({})
    stack.restart("watcher")
    account = wait_for_refusal(gateway)
    assert account["refused"]["cluster"]["server"] == two.simulated.cluster.server.removeprefix("https://")
    wait_until(lambda: logged(stack, "watcher", "the gateway refuses the account", "fairlead accounts accept"))
    assert names(gateway, "Service") == {row for row in names(gateway, "Service") if row != "of-the-second"}
    assert "of-the-first" in names(gateway, "Service")
    stack.accounts = accounts
    stack.configure({})
    stack.restart("watcher")
    MirrorChecker(gateway, one.api, ACCOUNT).assert_equal()


def wait_for_refusal(gateway: Gateway) -> JsonObject:
    """Wait until the account shows that another cluster was refused."""
    found: list[JsonObject] = []

    def refused() -> bool:
        found[:] = [each for each in gateway.accounts() if each["name"] == ACCOUNT and each["refused"]]
        return bool(found)

    wait_until(refused, what="a refusal")
    return found[0]


def test_an_account_that_was_not_granted(stacks: Callable[..., Stack], shores: tuple[Shore, Shore]) -> None:
    """An agent may speak only for accounts that its token covers; for the others it is told which."""
    one, two = shores
    stack = stacks(one.plan("granted"), two.plan("foreign"), started=False, overrides=QUICK)
    stack.prepare()
    told = yaml.safe_load(stack.files.configuration.read_text(encoding="utf-8"))["gateway"]["credentials"]
    told[0]["accounts"] = ["gran*"]
    stack.configure({"gateway": {"credentials": told}})
    stack.start_all()
    adopt(stack)
    with stack.gateway() as gateway:
        wait_until(lambda: bool(states(gateway, "granted")) and set(states(gateway, "granted").values()) == {"live"})
        wait_until(lambda: logged(stack, "watcher", "the gateway refuses the account", "foreign"))
        assert [account["name"] for account in gateway.accounts()] == ["granted"]
    discard(stack)


@pytest.mark.parametrize(
    "manifest",
    [
        "text", 1, [], {}, {"kind": "ConfigMap"}, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": []},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}, {"apiVersion": 1, "kind": "x", "metadata": {"name": "x"}},
    ],
)  # fmt: skip
def test_a_manifest_that_is_no_object(manifest: Any, gateway: Gateway) -> None:
    """The request is refused before anything is stored, with what is wrong and without the value."""
    with pytest.raises(GatewayRefusal) as refused:
        gateway.submit({"account": ACCOUNT, "kind": "apply", "manifest": manifest}, operation_id=str(ULID()))
    assert refused.value.status == 400
    assert "manifest" in str(refused.value)


def test_a_manifest_of_a_kind_that_nobody_serves(gateway: Gateway) -> None:
    """It fails, saying which kind the cluster lacks."""
    manifest = {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": {"name": "x", "namespace": "default"}}
    told = gateway.submit(
        {"account": ACCOUNT, "kind": "create", "manifest": manifest}, operation_id=str(ULID()), wait_s=20
    )
    assert told["state"] == "failed"
    assert "Gadget" in told["result"]["message"]


def test_large_objects(cluster: Cluster, stacks: Callable[..., Stack]) -> None:
    """Objects up to the API server's limit are mirrored whole, and travel through operations as well."""
    namespace = cluster.new_namespace()
    stack = stacks(cluster.account(kinds=["ConfigMap"], namespaces=[namespace]))
    with stack.gateway() as gateway:
        checker = MirrorChecker(gateway, cluster.api, ACCOUNT)
        wait_until(lambda: bool(gateway.accounts()), what="the claim, before which no operation is taken")
        for number in range(3):
            manifest = {**workloads.manifest("ConfigMap", f"direct-{number}", namespace), "data": {"x": "ü" * 500_000}}
            cluster.api.create(PLACES["ConfigMap"], manifest)
        manifest = {**workloads.manifest("ConfigMap", "operated", namespace), "data": {"x": "y" * 1_000_000}}
        told = gateway.submit(
            {"account": ACCOUNT, "kind": "create", "manifest": manifest}, operation_id=str(ULID()), wait_s=30
        )
        assert told["state"] == "succeeded", told
        checker.assert_equal()
        target = {"kind": "ConfigMap", "apiVersion": "v1", "namespace": namespace}
        listed = gateway.submit(
            {"account": ACCOUNT, "kind": "list", "target": target}, operation_id=str(ULID()), wait_s=30
        )
        assert len(json.dumps(gateway.result(listed["id"]))) > 2_500_000
    discard(stack)
    cluster.api.delete(PLACES["Namespace"], "", namespace)


def test_an_object_above_the_limit_of_the_bus(gateway: Gateway, shores: tuple[Shore, Shore]) -> None:
    """It is there, withheld and saying why; smaller again it is whole, and its neighbours never suffer."""
    one = shores[0]
    one.create("Ingress", "small-before")
    huge = {**workloads.manifest("Ingress", "huge", "default"), "spec": {"ingressClassName": "y" * 9 * 1024 * 1024}}
    state = one.simulated.cluster.state
    state.limits = replace(state.limits, object_bytes=16 * 1024 * 1024)  # no etcd takes so much unless it is told to
    one.simulated.do(lambda: one.simulated.cluster.create(huge))
    one.create("Ingress", "small-after")

    def row(name: str) -> JsonObject:
        return next(iter(gateway.objects(ACCOUNT, kind="Ingress", name=name)), {})

    wait_until(lambda: bool(row("huge")) and bool(row("small-after")), what="the rows")
    assert "too large" in row("huge")["withheld"]
    assert row("huge")["object"] is None
    assert row("small-before")["object"]
    one.api.merge(PLACES["Ingress"], "default", "huge", {"spec": {"ingressClassName": "small now"}})
    wait_until(lambda: (row("huge")["object"] or {}).get("spec") == {"ingressClassName": "small now"})
    assert not row("huge")["withheld"]


def test_a_database_that_is_down_at_start(stack: Stack, gateway: Gateway, shores: tuple[Shore, Shore]) -> None:
    """The gateway starts, says what it lacks, and is ready when the database is there; what happened is not lost."""
    stack.kill("gateway")
    stack.stop("postgres")
    stack.start("gateway", wait=False)
    shores[0].create("Service", "while-nobody-stored")
    told = "waiting for the database", "check that it runs and can be reached"
    wait_until(lambda: logged(stack, "gateway", *told), what="the message")
    assert stack.running("gateway")
    assert stack.instances["gateway"].missing()
    stack.start("postgres")
    stack.wait_ready("gateway")
    wait_until(lambda: "while-nobody-stored" in names(gateway, "Service"), within_s=30)


def test_a_wrong_certificate(stack: Stack, gateway: Gateway, shores: tuple[Shore, Shore], tmp_path: Path) -> None:
    """Neither bridge nor caller speaks to a gateway that they cannot trust; both say what to check. Nothing is lost."""
    certs.make(certs.Plan(tmp_path / "other"), datetime.now(UTC))
    other = tmp_path / "other" / "ca.crt"
    with Gateway(stack.addresses.api, token="t", ca_file=other, trust_env=False) as stranger:  # noqa: SIM117 - two ideas
        with pytest.raises(GatewayUnreachable, match="not trusted"):
            stranger.accounts()
    trusted = stack.files.ca
    stack.configure({"clouddriver": {"tls": {"cacertFile": str(other)}}})
    stack.stop("bridge")
    stack.start("bridge", wait=False)
    wait_until(lambda: logged(stack, "bridge", "certificate is not accepted", "cacertFile"), what="the message")
    assert stack.instances["bridge"].missing()
    shores[0].create("Service", "while-nobody-trusted")
    stack.configure({"clouddriver": {"tls": {"cacertFile": str(trusted)}}})
    stack.restart("bridge")
    wait_until(lambda: "while-nobody-trusted" in names(gateway, "Service"), within_s=30)


def run_service(service: str, document: JsonObject, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a service until it ends by itself."""
    path = directory / "fairlead.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", f"fairlead.{service}"],
        env={"PATH": "/usr/bin:/bin", "FAIRLEAD_CONFIG": str(path)},
        check=False, capture_output=True, text=True, timeout=40,
    )  # fmt: skip


@pytest.mark.parametrize("service", ["watcher", "scrubber", "bridge", "executor", "gateway"])
def test_configuration_faults(service: str, tmp_path: Path) -> None:
    """All faults are told at once, by key and without values, and the exit code says that a person has to act."""
    document = {
        "nats": {"url": "nats://user:hunter2@host:4222"},
        "health": {"port": "hunter2"},
        "logs": {"level": "hunter2"},
    }
    ended = run_service(service, document, tmp_path)
    said = ended.stdout + ended.stderr
    assert ended.returncode == EXIT_CONFIGURATION, said
    assert "nats.url" in said
    assert "health.port" in said
    assert "logs.level" in said
    assert "hunter2" not in said


def test_a_nats_server_that_is_too_old(tmp_path: Path) -> None:
    """A service refuses nats-server 2.9, naming the version that it needs."""
    port = free_port()
    words: list[str | Path] = [
        find_old_nats_server(tmp_path),
        "-a",
        "127.0.0.1",
        "-p",
        str(port),
        "-js",
        "-sd",
        tmp_path / "store",
    ]
    health = {"host": "127.0.0.1", "port": 0, "metricsPort": 0}
    with Process("nats-server", words, log=tmp_path / "nats.log") as old:
        old.start(lambda: "Server is ready" in old.tail())
        ended = run_service("scrubber", {"nats": {"url": f"nats://127.0.0.1:{port}"}, "health": health}, tmp_path)
    said = ended.stdout + ended.stderr
    assert ended.returncode == EXIT_CONFIGURATION, said
    assert "too old" in said
    assert "2.10.0" in said
