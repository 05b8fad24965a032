"""Whatever is killed, cut or lost under writes: no row is wrong, missing or resurrected, and no reader is lied to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from tests.e2e.conftest import ACCOUNT, Cluster, adopt, discard
from tests.support.bus_surgery import delete_stream, held
from tests.support.mirror_checker import MirrorChecker
from tests.support.mirror_reader import MirrorReader
from tests.support.polling import wait_until
from tests.support.random_writes import RandomWrites
from tests.support.tcp_proxy import TcpProxy
from tests.support.workloads import PLACES

from fairlead.cli.stack import Stack
from fairlead.cli.stack.stack import DATABASE
from fairlead.contracts.streams import CLEAN_LOG

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

WRITE_PAUSE_S = 0.02
READ_PAUSE_S = 0.05
OUTAGE_S = 1.0
HEALED_WITHIN_S = 45.0
QUICK: dict[str, Any] = {
    "kubernetes": {"inventoryIntervalSeconds": 5},  # what only an inventory heals is to heal within a test
    "watcher": {"retryMaxSeconds": 2},
    "bridge": {"logAckWaitSeconds": 5},
    "clouddriver": {"keepAliveHeartbeatSeconds": 1, "backoff": {"baseDelay": 0.2, "maxDelay": 1}},
    "gateway": {"link": {"heartbeatSeconds": 1}},
}


@dataclass
class Storm:
    """A stack under writes and under the eyes of a reader."""

    cluster: Cluster
    stack: Stack
    link: TcpProxy
    writes: RandomWrites
    reader: MirrorReader
    checker: MirrorChecker

    def blow(self) -> None:
        """Let writes go on for the time of an outage, measured in writes so that a slow machine sees as many."""
        wanted = self.writes.written + int(OUTAGE_S / WRITE_PAUSE_S / 2)
        wait_until(lambda: self.writes.written >= wanted, within_s=60, what="writes")

    def assert_right(self) -> None:
        """With writes at rest the mirror gets equal to the cluster, and the reader was never lied to."""
        polls = self.reader.polls
        with self.writes.resting():
            self.checker.assert_equal(within_s=HEALED_WITHIN_S)
        wait_until(lambda: self.reader.polls > polls, what="an answer to the reader")
        assert not self.reader.violations, "\n".join(self.reader.violations[:20])


@pytest.fixture(scope="module")
def _storm(cluster: Cluster, stacks: Callable[..., Stack]) -> Iterator[Storm]:
    namespace = cluster.new_namespace()
    stack = stacks(cluster.account(namespaces=[namespace]), started=False)
    with ExitStack() as around:
        link = around.enter_context(TcpProxy(stack.addresses.link_port))
        stack.configure({**QUICK, "clouddriver": {**QUICK["clouddriver"], "grpc": f"127.0.0.1:{link.port}"}})
        stack.start_all()
        adopt(stack)
        gateway, readers_gateway = around.enter_context(stack.gateway()), around.enter_context(stack.gateway())
        checker = MirrorChecker(gateway, cluster.api, ACCOUNT)
        checker.assert_equal()
        writes = around.enter_context(RandomWrites(cluster.api, namespace, pause_s=WRITE_PAUSE_S, seed=1))
        reader = MirrorReader(readers_gateway, ACCOUNT, namespace, writes.ledger, pause_s=READ_PAUSE_S)
        around.enter_context(reader)
        yield Storm(cluster, stack, link, writes, reader, checker)
    discard(stack)
    cluster.api.delete(PLACES["Namespace"], "", namespace)


@pytest.fixture
def storm(_storm: Storm) -> Iterator[Storm]:
    """The storm of the module with all parts up, also when the test before failed."""
    _storm.reader.violations.clear()
    yield _storm
    _storm.link.thaw()
    _storm.link.mend()
    for part in _storm.stack.parts:
        _storm.stack.resume(part)
        if not _storm.stack.running(part):
            _storm.stack.start(part)
    adopt(_storm.stack)


def test_a_row_that_is_lost_is_seen_and_healed(storm: Storm) -> None:
    """The eyes are open: a row deleted behind everybody's back is a wrong absence to both; an inventory brings it back."""
    storm.blow()
    with storm.writes.resting():
        storm.checker.assert_equal(within_s=HEALED_WITHIN_S)
        polls = storm.reader.polls
        wait_until(lambda: storm.reader.polls > polls + 8, what="readers that have seen everything")
        storm.stack.postgres.execute("DELETE FROM fairlead.objects WHERE namespace <> ''", DATABASE)
        assert any("is missing" in found for found in storm.checker.differences())
        wait_until(lambda: bool(storm.reader.violations), what="a reader who notices")
    lost = time.monotonic()
    while time.monotonic() - lost < 1.5 * QUICK["kubernetes"]["inventoryIntervalSeconds"]:
        storm.blow()  # after a resume an inventory waits for the next event, or for a bookmark, which takes a minute
    with storm.writes.resting():
        storm.checker.assert_equal(within_s=2 * HEALED_WITHIN_S)
    storm.reader.violations.clear()


@pytest.mark.parametrize("part", ["watcher", "scrubber", "bridge", "gateway", "executor", "nats", "postgres"])
def test_a_killed_part(part: str, storm: Storm) -> None:
    """A part is killed under writes, stays away for a while, and comes back."""
    storm.blow()
    storm.stack.kill(part)
    storm.blow()
    storm.stack.start(part)
    storm.blow()
    storm.assert_right()


def test_a_bridge_killed_with_batches_under_way(storm: Storm) -> None:
    """Batches that were sent and not acknowledged are sent again by the next bridge; each counts once."""
    storm.blow()
    storm.stack.pause("gateway")
    storm.blow()
    storm.stack.kill("bridge")
    storm.stack.resume("gateway")
    storm.stack.start("bridge")
    storm.blow()
    storm.assert_right()


def test_everything_killed_at_once(storm: Storm) -> None:
    """The machine goes down under writes and comes back."""
    storm.blow()
    storm.stack.kill(*storm.stack.parts)
    storm.blow()
    storm.stack.start("nats", "postgres")
    storm.stack.start(*storm.stack.instances)
    storm.blow()
    storm.assert_right()


def test_a_cut_link(storm: Storm) -> None:
    """The network between the zone and the gateway breaks, again and again."""
    for _ in range(3):
        storm.blow()
        storm.link.cut()
        storm.blow()
        storm.link.mend()
    storm.assert_right()


def test_a_frozen_link(storm: Storm) -> None:
    """The network loses everything for longer than the heartbeats allow, without breaking a connection."""
    storm.link.freeze()
    frozen = time.monotonic()
    wait_until(lambda: time.monotonic() - frozen > 4 * QUICK["gateway"]["link"]["heartbeatSeconds"])
    storm.link.thaw()
    storm.blow()
    storm.assert_right()


@pytest.mark.parametrize("part", ["nats", "postgres", "scrubber"])
def test_a_frozen_part(part: str, storm: Storm) -> None:
    """A part stands still without breaking a connection, and goes on."""
    storm.blow()
    storm.stack.pause(part)
    storm.blow()
    storm.stack.resume(part)
    storm.assert_right()


def test_a_deleted_clean_log(storm: Storm) -> None:
    """The log between scrubber and bridge is deleted with batches in it, while the gateway is away."""
    storm.stack.kill("gateway")
    storm.blow()
    wait_until(lambda: held(storm.stack, CLEAN_LOG.name) > 0, what="batches in the log")
    assert delete_stream(storm.stack, CLEAN_LOG.name)
    storm.blow()
    storm.stack.start("gateway")
    storm.blow()
    storm.assert_right()


def test_a_wiped_bus(storm: Storm) -> None:
    """The bus comes back without anything that it stored."""
    storm.stack.pause("gateway")
    storm.blow()
    storm.stack.kill("nats")
    storm.stack.nats.wipe()
    storm.blow()
    storm.stack.start("nats")
    storm.stack.resume("gateway")
    storm.blow()
    storm.assert_right()


def test_forgotten_versions(storm: Storm) -> None:
    """The API server forgets every version, with watches open and with the watcher away."""
    storm.cluster.compact()
    storm.blow()
    storm.stack.kill("watcher")
    storm.blow()
    storm.cluster.compact()
    storm.stack.start("watcher")
    storm.blow()
    storm.assert_right()
