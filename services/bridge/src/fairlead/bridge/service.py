"""Composition root of the bridge: every task of it on one screen."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Coroutine
from importlib.metadata import version
from typing import Any

from fairlead.bridge.adapters import bus as bus_adapter
from fairlead.bridge.adapters.clean_log import JetStreamCleanLog, LogOptions
from fairlead.bridge.adapters.grpc import GrpcDialler, Target, check_files
from fairlead.bridge.adapters.probe import Tls
from fairlead.bridge.adapters.tunnels import BusTunnelZone, hear_tunnels
from fairlead.bridge.flows.clean_log import CleanLogPump
from fairlead.bridge.flows.connection import Connection, Timing
from fairlead.bridge.flows.relay import CallRelay, Delivery
from fairlead.bridge.flows.tunnels import TunnelRelay
from fairlead.bridge.flows.uplink import LinkOptions, Uplink
from fairlead.bridge.settings import AgentSettings, ClouddriverSettings, Settings
from fairlead.contracts import tunnels
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime import logfields
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.bus import attach
from fairlead.runtime.lifecycle import Scope, Service, Stage
from fairlead.runtime.logs import get_logger
from fairlead.runtime.settings import read_secret

log = get_logger()


def build(settings: Settings) -> Service:
    """Make the bridge from its settings.

    Raises:
        ConfigurationError: files that the settings name cannot be read.

    """
    target = make_target(settings.clouddriver)
    check_files(target)

    async def start(scope: Scope) -> None:
        limits = settings.bridge
        if target.tls is None:
            log.warning("the link is plaintext: clouddriver.insecure is set", **{logfields.ADDRESS: target.address})
        bus = await attach(scope, settings.nats)

        def spawn(name: str, work: Coroutine[Any, Any, None]) -> object:
            return scope.start(name, work, essential=False)

        zone = bus_adapter.BusZone(bus, take_timeout_s=limits.operation_timeout_seconds)
        near_end = BusTunnelZone(bus, take_timeout_s=limits.operation_timeout_seconds)
        relay = TunnelRelay(near_end, spawn)
        delivery = Delivery(zone, spawn, operations_max=limits.operations_under_way, zone_id=settings.agent.zone_id)
        uplink = Uplink(
            dialler=GrpcDialler(target),
            zone=zone,
            identity=make_identity(settings.agent),
            backoff=_backoff(settings.clouddriver),
            options=_link_options(settings),
            spawn=spawn,
            deliver=_by_kind(delivery, relay),
            on_end=relay.connection_ended,
        )
        options = LogOptions(limits.log_max_bytes, limits.log_ack_wait_seconds, limits.log_batches_under_way)
        pump = CleanLogPump(JetStreamCleanLog(bus, options), uplink, extend_s=limits.log_ack_wait_seconds / 3)
        calls = CallRelay(
            uplink,
            call_timeout_s=limits.call_timeout_seconds,
            document_timeout_s=limits.document_timeout_seconds,
        )
        scope.on_stop(Stage.DRAIN, "end lasting exchanges", relay.end_lasting)
        _stop_in_order(scope, uplink, pump, limits.drain_seconds)
        await bus_adapter.serve_calls(bus, scope, calls.answer)
        bus.on_reconnect(relay.bus_broke)
        await hear_tunnels(bus, near_end.id, relay.hear)
        scope.start("keep tunnels", relay.keep())
        scope.start("link", uplink.run())
        scope.start("announce the link", uplink.announce())
        scope.start("settle batches", pump.settle())
        scope.start("extend batches", pump.extend())
        scope.start("measure the clean log", pump.measure())
        scope.ready_when("clean log", pump.not_ready)
        scope.ready_when("link", uplink.not_ready)

    return Service("bridge", start)


def _by_kind(delivery: Delivery, relay: TunnelRelay) -> Callable[[Connection, pb.GatewayFrame], Awaitable[None]]:
    async def deliver(connection: Connection, frame: pb.GatewayFrame) -> None:
        is_of_tunnel = (frame.WhichOneof("body") or "").startswith("tunnel_")
        await (relay if is_of_tunnel else delivery).deliver(connection, frame)

    return deliver


def _stop_in_order(scope: Scope, uplink: Uplink, pump: CleanLogPump, drain_s: float) -> None:
    pumping = scope.start("clean log", pump.run())

    async def take_no_more() -> None:
        pumping.cancel()

    async def end_link() -> None:
        await uplink.stop(drain_s)

    scope.on_stop(Stage.INTAKE, "take no more batches", take_no_more)
    scope.on_stop(Stage.DRAIN, "end the link", end_link)
    scope.on_stop(Stage.FLUSH, "settle batches", pump.flush)


def make_target(settings: ClouddriverSettings) -> Target:
    """Where to dial, and how; the token is read anew at each connection."""
    tls, auth = settings.tls, settings.auth

    def token() -> str:
        if auth.token_file is None:
            return auth.token.get_secret_value()
        return read_secret(auth.token_file, "clouddriver.auth.tokenFile")

    return Target(
        host=settings.host,
        port=settings.port,
        tls=None
        if settings.insecure
        else Tls(tls.server_name, tls.cacert_file, tls.client_cert_file, tls.client_key_file),
        token=token,
        use_proxy=not settings.no_proxy,
    )


def make_identity(settings: AgentSettings) -> pb.Hello:
    """What Hello says of this agent."""
    return pb.Hello(
        agent_id=settings.id or socket.gethostname(),
        zone_id=settings.zone_id,
        mode=settings.mode,
        software_version=version("fairlead-bridge"),
        features=[tunnels.FEATURE],
    )


def _backoff(settings: ClouddriverSettings) -> Backoff:
    backoff = settings.backoff
    return Backoff(backoff.base_delay, backoff.multiplier, backoff.jitter, backoff.max_delay)


def _link_options(settings: Settings) -> LinkOptions:
    link, limits = settings.clouddriver, settings.bridge
    return LinkOptions(
        Timing(link.keep_alive_heartbeat_seconds, link.keep_alive_time_out_seconds),
        limits.refused_retry_seconds,
        limits.hand_over_seconds,
    )
