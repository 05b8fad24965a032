"""The clean log's way to the gateway, with everything going wrong that may."""

from __future__ import annotations

import asyncio

import nats.errors
import pytest
from prometheus_client import REGISTRY
from tests.integration.bridge.conftest import MakeZone, Zone
from tests.support.gateway_double import GatewayDouble
from tests.support.services import eventually

from fairlead.bridge.flows import clean_log
from fairlead.contracts.streams import CLEAN_LOG
from fairlead.contracts.subjects import CALL_STATES
from fairlead.contracts.v1 import link_pb2 as pb

STATES = pb.AgentFrame(resource_states=pb.ResourceStates())


async def append_when_possible(zone: Zone, envelope: bytes) -> None:
    """Write as soon as there is a log again, as a scrubber that is told "busy" does."""
    async with asyncio.timeout(30):
        while True:
            try:
                await zone.append(envelope)
            except nats.errors.Error:
                await asyncio.sleep(0.05)
            else:
                return


def without_repeats(envelopes: list[bytes]) -> list[bytes]:
    """What arrived, in order; what was stored although its writer was not told so in time is written again."""
    return list(dict.fromkeys(envelopes))


async def test_batches_are_forgotten_when_the_gateway_has_them(zone: Zone) -> None:
    """Batches arrive unchanged with their number in the log, and the log is empty once they are committed."""
    zone.gateway.acknowledges = False
    await zone.append(b"one", b"two")
    await eventually(lambda: len(zone.gateway.envelopes) == 2)

    first, second = zone.gateway.last.data
    assert (first.id, second.id) == (1, 2)
    assert zone.gateway.envelopes == [b"one", b"two"]
    assert [batch.stream_sequence for batch in zone.gateway.last.data if isinstance(batch, pb.DataBatch)] == [1, 2]
    assert (await zone.bus.jetstream.stream_info(CLEAN_LOG.name)).state.messages == 2

    zone.gateway.last.acknowledge(2)
    await zone.wait_log_empty()


async def test_the_window_bounds_what_is_under_way(zone_of: MakeZone) -> None:
    """Without acknowledgements only a window of data is sent, and calls overtake what waits."""
    gateway = GatewayDouble(acknowledges=False)
    gateway.welcome.data_window_bytes = 250_000
    async with gateway.listening(), zone_of(gateway) as zone:
        await zone.wait_ready()
        await zone.append(*(bytes([number]) * 100_000 for number in range(6)))
        await eventually(lambda: len(gateway.envelopes) == 2)

        assert (await zone.call(CALL_STATES, STATES)).HasField("done")
        assert len(gateway.envelopes) == 2
        gateway.acknowledges = True
        gateway.last.acknowledge(2)
        await zone.wait_log_empty()
        assert [envelope[0] for envelope in gateway.envelopes] == list(range(6))


async def test_what_waits_is_told(zone_of: MakeZone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that the log has handed out, and those that it has not, are counted as nats-server counts them."""
    monkeypatch.setattr(clean_log, "MEASURE_S", 0.01)
    gateway = GatewayDouble(acknowledges=False)
    gateway.welcome.data_window_bytes = 250_000

    def told() -> tuple[float | None, float | None]:
        names = ("fairlead_bridge_log_unsettled_batches", "fairlead_bridge_log_pending_batches")
        unsettled, pending = map(REGISTRY.get_sample_value, names)
        return unsettled, pending

    async with gateway.listening(), zone_of(gateway) as zone:
        await zone.wait_ready()
        await zone.append(*(bytes(100_000) for _ in range(6)))
        await eventually(lambda: told() == (3, 3))  # two on their way, one that waits for the window, and the rest
        assert (REGISTRY.get_sample_value("fairlead_bridge_log_bytes") or 0) > 600_000
        assert REGISTRY.get_sample_value("fairlead_bridge_log_limit_bytes") == CLEAN_LOG.max_bytes
        assert REGISTRY.get_sample_value("fairlead_bridge_batches_in_flight") == 3
        gateway.acknowledges = True
        gateway.last.acknowledge(2)
        await eventually(lambda: told() == (0, 0))


async def test_nothing_is_delivered_twice_while_the_gateway_takes_its_time(zone_of: MakeZone) -> None:
    """A gateway whose database is down keeps batches for long; the log is told and does not deliver them again."""
    gateway = GatewayDouble(acknowledges=False)
    async with gateway.listening(), zone_of(gateway, bridge={"logAckWaitSeconds": 4}) as zone:
        await zone.wait_ready()
        await zone.append(b"one")
        await eventually(lambda: len(gateway.envelopes) == 1)
        consumer = await zone.bus.jetstream.consumer_info(CLEAN_LOG.name, CLEAN_LOG.durable)
        async with asyncio.timeout(20):
            for _ in range(90):  # more than twice the wait after which the log would deliver again
                consumer = await zone.bus.jetstream.consumer_info(CLEAN_LOG.name, CLEAN_LOG.durable)
                await asyncio.sleep(0.1)

        assert consumer.num_redelivered == 0
        assert gateway.envelopes == [b"one"]
        gateway.last.acknowledge(1)
        await zone.wait_log_empty()


async def test_a_cut_link_loses_nothing(zone: Zone) -> None:
    """What was not committed when the link went down comes again on the next connection."""
    zone.gateway.acknowledges = False
    await zone.append(b"one", b"two", b"three")
    await eventually(lambda: len(zone.gateway.envelopes) == 3)
    zone.gateway.last.acknowledge(1)
    await eventually(lambda: len(zone.gateway.last.data) == 3)
    zone.gateway.acknowledges = True
    zone.gateway.last.end()
    await eventually(lambda: len(zone.gateway.connections) == 2)

    await zone.wait_log_empty()
    assert {b"two", b"three"} <= set(zone.gateway.last.envelopes) | set(zone.gateway.envelopes[:3])
    assert [data.id for data in zone.gateway.last.data] == list(range(1, len(zone.gateway.last.data) + 1))


async def test_a_gateway_that_was_away(zone_of: MakeZone) -> None:
    """Batches wait in the log until there is a gateway."""
    gateway = GatewayDouble()
    async with gateway.listening():
        pass
    async with zone_of(gateway) as zone:
        await append_when_possible(zone, b"one")
        async with gateway.listening():
            await zone.wait_log_empty()
            assert gateway.envelopes == [b"one"]


async def test_a_deleted_stream_is_made_anew(zone: Zone) -> None:
    """The stream is gone, and the next batches travel all the same."""
    await zone.append(b"one")
    await zone.wait_log_empty()
    await zone.bus.jetstream.delete_stream(CLEAN_LOG.name)

    await append_when_possible(zone, b"two")
    await eventually(lambda: without_repeats(zone.gateway.envelopes) == [b"one", b"two"])
    await zone.wait_log_empty()
    await zone.wait_ready()


async def test_a_deleted_stream_with_batches_under_way(zone: Zone) -> None:
    """Acknowledgements for a stream that is gone do no harm."""
    zone.gateway.acknowledges = False
    await zone.append(b"one")
    await eventually(lambda: zone.gateway.envelopes == [b"one"])
    await zone.bus.jetstream.delete_stream(CLEAN_LOG.name)
    zone.gateway.last.acknowledge(1)

    await append_when_possible(zone, b"two")
    await eventually(lambda: without_repeats(zone.gateway.envelopes) == [b"one", b"two"])


async def test_a_deleted_consumer_is_made_anew(zone: Zone) -> None:
    """The stream without its consumer heals as well."""
    await zone.bus.jetstream.delete_consumer(CLEAN_LOG.name, CLEAN_LOG.durable)
    await zone.append(b"one")

    await eventually(lambda: zone.gateway.envelopes == [b"one"])
    await zone.wait_log_empty()


async def test_nats_restart(zone: Zone) -> None:
    """A restarted nats-server goes on where it was."""
    await zone.append(b"one")
    await zone.wait_log_empty()
    zone.nats.kill()
    zone.nats.start()

    await append_when_possible(zone, b"two")
    await eventually(lambda: b"two" in zone.gateway.envelopes)
    await zone.wait_log_empty()


async def test_nats_with_an_empty_store(zone: Zone) -> None:
    """A nats-server that lost its store gets a new log."""
    zone.nats.stop()
    zone.nats.wipe()
    zone.nats.start()

    await append_when_possible(zone, b"one")
    await eventually(lambda: b"one" in zone.gateway.envelopes)
    await zone.wait_ready()


async def test_a_changed_limit_is_taken_up(zone_of: MakeZone) -> None:
    """A log that is there already is brought to the settings."""
    async with GatewayDouble().listening() as gateway:
        async with zone_of(gateway) as zone:
            await zone.wait_ready()
        async with zone_of(gateway, bridge={"logMaxBytes": 2**21, "logBatchesUnderWay": 7}) as zone:
            await zone.wait_ready()
            stream = await zone.bus.jetstream.stream_info(CLEAN_LOG.name)
            consumer = await zone.bus.jetstream.consumer_info(CLEAN_LOG.name, CLEAN_LOG.durable)

    assert stream.config.max_bytes == 2**21
    assert consumer.config.max_ack_pending == 7


async def test_a_bridge_that_stops_gives_back_what_it_holds(zone_of: MakeZone) -> None:
    """The next bridge has the uncommitted batches at once, not after the acknowledgement wait."""
    gateway = GatewayDouble(acknowledges=False)
    async with gateway.listening():
        async with zone_of(gateway, bridge={"drainSeconds": 0.1}) as zone:
            await zone.wait_ready()
            await zone.append(b"one")
            await eventually(lambda: gateway.envelopes == [b"one"])
        gateway.acknowledges = True
        async with zone_of(gateway) as zone:
            await eventually(lambda: gateway.envelopes == [b"one", b"one"])
            await zone.wait_log_empty()
