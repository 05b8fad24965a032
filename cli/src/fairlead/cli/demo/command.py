"""``fairlead demo``, which `make demo` calls: start everything, give the tour, stay, leave nothing behind."""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from fairlead.cli.demo.cluster import Cluster
from fairlead.cli.demo.complaints import complaints
from fairlead.cli.demo.janitor import Janitor
from fairlead.cli.demo.real_cluster import ask, chosen_cluster
from fairlead.cli.demo.seed import seed
from fairlead.cli.demo.steps import STEPS
from fairlead.cli.demo.tour import Tour, guide
from fairlead.cli.errors import CommandError
from fairlead.cli.parts.errors import PartError
from fairlead.cli.settings import demo_settings
from fairlead.cli.stack import AccountPlan, SimulatedCluster, Stack
from fairlead.watcher.core.scope import DEFAULT_KINDS

MORE_KINDS = ("Secret", "ConfigMap")
NOT_NAMESPACED = ("Namespace", "CustomResourceDefinition")
_LOOK_S = 1.0
_PLAIN_WIDTH = 120


def command() -> None:
    """Show the main job on this machine: every part, a cluster, and a guided tour."""
    settings = demo_settings()
    stay = sys.stdout.isatty() and not settings.exit_after_tour
    console = Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    with _ended_by_signals(), contextlib.ExitStack() as stack:
        real = chosen_cluster(settings)
        if real is not None:
            ask(real, settings)
        directory = Path(tempfile.mkdtemp(prefix="fairlead-demo-"))
        directory.chmod(0o711)  # PostgreSQL's user must be able to pass; what is private is private by itself
        stack.enter_context(Janitor(directory, real))
        cluster = real or _simulated(directory, stack, console)
        plan = _plan(cluster, "shop" if real is None else "demo")
        parts = Stack(directory / "stack", [plan])
        stack.callback(parts.stop_all)
        _give_tour(console, parts, cluster, plan)
        console.print("\n[bold green]The tour is over: every step showed what it promised.[/]")
        if stay:
            _stay(console, parts, cluster, plan.name)


def _give_tour(console: Console, parts: Stack, cluster: Cluster, plan: AccountPlan) -> None:
    """Start the parts and run the steps; a failure is told with what the services' logs say about it."""
    try:
        cluster.create_namespace()
        seed(cluster)
        _start(parts, console)
        with parts.gateway() as gateway:
            guide(Tour(console, parts, cluster, plan.name, plan.options["kinds"], gateway), STEPS)
    except (CommandError, PartError):
        for line in complaints(instance.process.log for instance in parts.instances.values()):
            console.print(Text(f"   {line}", style="dim"), soft_wrap=True)
        raise


def _simulated(directory: Path, stack: contextlib.ExitStack, console: Console) -> Cluster:
    simulation = SimulatedCluster(directory / "cluster", churn_s=4.0)
    with console.status("a simulated cluster with a living shop …"):
        stack.enter_context(simulation)
    console.print(f"[green]✓[/] a simulated cluster with a living shop: {simulation.server}", highlight=False)
    return Cluster(simulation.kubeconfig, "", "fairlead-demo")


def _start(parts: Stack, console: Console) -> None:
    """Start everything but the watcher, whose start is the first step of the tour."""
    started = time.monotonic()
    with console.status("nats-server and PostgreSQL …") as status:
        parts.start_neighbours()
        console.print("[green]✓[/] nats-server with a user for each service, and PostgreSQL")
        services = [name for name in parts.instances if name != "watcher"]
        status.update(f"{', '.join(services)} …")
        parts.start(*services)
    took_s = time.monotonic() - started
    console.print(
        f"[green]✓[/] {', '.join(services)}: TLS and tokens made on the spot ({took_s:.1f} s)", highlight=False
    )


def _stay(console: Console, parts: Stack, cluster: Cluster, account: str) -> None:
    """Say how to go on, and wait for Ctrl-C."""
    files, api = parts.files, parts.addresses.api
    context = f" --context {cluster.context}" if cluster.context else ""
    fairlead = Path(sys.executable).with_name("fairlead")
    console.print("\n[bold]Everything stays up: look around. Ctrl-C ends it and leaves nothing behind.[/]\n")
    lines = (
        f"export FAIRLEAD_GATEWAY={api} FAIRLEAD_CA_FILE={files.ca} FAIRLEAD_TOKEN_FILE={files.api_token}",
        f"{fairlead} resources {account}",
        f"{fairlead} ops get Service tickets -n {cluster.namespace}",
        f'curl --cacert {files.ca} -H "Authorization: Bearer $(cat {files.api_token})" {api}/v1/accounts',
        f"kubectl --kubeconfig {cluster.kubeconfig}{context} -n {cluster.namespace} get configmaps",
        f"{parts.postgres.bin_dir}/psql {parts.addresses.database}",
        "",
        f"nats: {parts.addresses.nats_url}, users and passwords in {files.secrets}",
        f"logs: {files.logs}",
    )
    console.print(Text("\n".join(lines)), soft_wrap=True)  # never cut or framed: they are to be copied
    with contextlib.suppress(KeyboardInterrupt):
        told: set[str] = set()
        while True:
            time.sleep(_LOOK_S)
            for name in parts.parts:
                if name not in told and not parts.running(name):
                    told.add(name)
                    console.print(f"[red]{name} has ended; its log is {parts.log(name)}[/]", highlight=False)
    console.print("\nending …")


def _plan(cluster: Cluster, account: str) -> AccountPlan:
    kinds = [kind for kind in (*DEFAULT_KINDS, *MORE_KINDS) if not (cluster.limited and kind in NOT_NAMESPACED)]
    options: dict[str, Any] = {"kinds": kinds}
    if cluster.limited:
        options |= {"namespaces": [cluster.namespace], "onlyNamespacedResources": True}
    else:
        options |= {"noProxy": True}
    return AccountPlan(account, cluster.kubeconfig, cluster.context, options)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the demo as Ctrl-C does, with everything cleaned up."""

    def ended(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)  # no library swallows this one

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, ended) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
