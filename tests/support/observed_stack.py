"""A real stack over a simulated cluster, in the eyes of a real Prometheus."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support import workloads
from tests.support.kubernetes_api import KubernetesApi
from tests.support.polling import wait_until
from tests.support.processes import SESSION_PROCESSES
from tests.support.prometheus import Prometheus

from fairlead.cli.stack import Stack

ACCOUNT = "shop"
FRESHNESS = "fairlead_gateway_freshness_seconds_bucket"


@dataclass
class Observed:
    """The parts, and who looks at them."""

    stack: Stack
    api: KubernetesApi
    server: Prometheus
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def change(self) -> None:
        """Something changes in the cluster."""
        name = f"seen-{next(self._numbers)}"
        self.api.create(workloads.PLACES["ConfigMap"], workloads.manifest("ConfigMap", name, "default"))

    def drive(self) -> None:
        """Objects come one after the other until Prometheus has seen that they do."""

        def seen() -> bool:
            self.change()
            found = self.server.query(f"sum(increase({FRESHNESS}[1m]))")
            return bool(found) and float(found[0]["value"][1]) > 0

        wait_until(seen, within_s=60, what="the figures of the traffic")

    def adopt(self) -> None:
        """Let the processes outlive the test that happens to (re)start them."""
        processes = [self.server.process, self.stack.nats.process, self.stack.postgres.process]
        processes += [instance.process for instance in self.stack.instances.values()]
        SESSION_PROCESSES.extend(each for each in processes if each is not None and each not in SESSION_PROCESSES)

    def alarms(self) -> set[str]:
        """Alerts that fire, or will when what they tell lasts."""
        return {each["metric"]["alertname"] for each in self.server.query("ALERTS")}
