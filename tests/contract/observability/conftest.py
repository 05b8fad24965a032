"""A real stack over a simulated cluster, under traffic, in the eyes of a real Prometheus; one for each module that wants it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.observability.described import ALERTS
from tests.support.kubernetes_api import KubernetesApi
from tests.support.leak_search import TraceCollector
from tests.support.live_accounts import is_live
from tests.support.observed_stack import ACCOUNT, Observed
from tests.support.polling import wait_until
from tests.support.prometheus import Prometheus, running
from tests.support.real_parts import require_part
from tests.support.simulated_api import SimulatedApi

from fairlead.cli.parts.errors import PartMissingError
from fairlead.cli.stack import AccountPlan, Stack

KINDS = ["ConfigMap", "Pod"]


@pytest.fixture(scope="module")
def observed() -> Iterator[Observed]:
    """A server that has scraped a stack for a few seconds, during which objects came."""
    directory = Path(tempfile.mkdtemp(prefix="fairlead-observed-"))
    directory.chmod(0o755)  # under root, PostgreSQL is another user
    simulated = SimulatedApi(directory)
    simulated.start()
    try:
        with (
            KubernetesApi(simulated.kubeconfig) as api,
            TraceCollector() as collector,
            _stack(directory, simulated, collector) as stack,
            running(Prometheus(directory, _targets(stack), ALERTS)) as server,
        ):
            found = Observed(stack, api, server)
            found.adopt()
            with stack.gateway() as gateway:
                wait_until(lambda: is_live(gateway, ACCOUNT, kinds=len(KINDS)), what="the first lists")
            wait_until(lambda: len(server.query("up == 1")) == len(stack.instances), what="a scrape of each service")
            found.drive()
            yield found
    finally:
        simulated.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _stack(directory: Path, simulated: SimulatedApi, collector: TraceCollector) -> Stack:
    plan = AccountPlan(ACCOUNT, simulated.kubeconfig, "", {"kinds": KINDS})
    tracing = {"tracing": {"endpoint": collector.endpoint, "eventsPerSecond": 1000}}
    try:
        return Stack(directory, [plan], overrides=tracing)
    except PartMissingError as error:
        require_part("nats-server and PostgreSQL", str(error))


def _targets(stack: Stack) -> dict[str, str]:
    """Addresses of the metrics, by the jobs that the alerts expect."""
    return {
        f"fairlead-{name}": instance.metrics_url.removeprefix("http://").removesuffix("/metrics")
        for name, instance in stack.instances.items()
    }
