"""Keeps the link: dials, greets, serves one connection after the other, and hands over from one to the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from fairlead.bridge.errors import LinkLost, LinkRefused, ZoneUnavailable
from fairlead.bridge.flows.connection import Connection, Timing
from fairlead.bridge.ports import Dialler, Wire, Zone
from fairlead.contracts.link import PROTOCOL_VERSION, negotiate
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.runtime import logfields, metrics
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()

Spawn = Callable[[str, Coroutine[Any, Any, None]], object]
"""Starts a named task that belongs to the service."""
WELCOME_S = 10.0
STEADY_S = 10.0
"""A connection that lived so long resets the back-off."""
OVERLAP_S = 1.0
"""Two connections stand side by side for so long at least, when one takes over from the other."""
_DIALS = {outcome: metrics.BRIDGE_DIALS.labels(outcome) for outcome in ("connected", "refused", "failed")}


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How the link is kept."""

    timing: Timing = field(default_factory=Timing)
    refused_retry_s: float = 30.0
    """Least delay before an agent that was refused asks again."""
    hand_over_s: float = 20.0
    """How long a replaced connection may finish what is under way."""


class Uplink:
    """The link as the other flows see it: the current connection, or none.

    Args:
        dialler: makes connections.
        zone: told of every change; asked for the incarnation of the claims.
        identity: what Hello says, apart from the incarnation.
        backoff: delays between attempts.
        options: how the link is kept.
        spawn: starts tasks.
        deliver: takes the gateway's notices, operations, cancellations and frames of tunnels.
        on_end: told of each connection that has ended.

    """

    def __init__(  # noqa: PLR0913 - by name, from the composition root
        self,
        *,
        dialler: Dialler,
        zone: Zone,
        identity: pb.Hello,
        backoff: Backoff,
        options: LinkOptions,
        spawn: Spawn,
        deliver: Callable[[Connection, pb.GatewayFrame], Awaitable[None]],
        on_end: Callable[[Connection], None] = lambda _: None,
    ) -> None:
        self._on_end = on_end
        self._dialler = dialler
        self._zone = zone
        self._identity = identity
        self._backoff = backoff
        self._options = options
        self._spawn = spawn
        self._deliver = deliver
        self._number = 0
        self._stopping = False
        self._current: Connection | None = None
        self._incarnation = ""
        self._changed = asyncio.Event()
        self._stood = asyncio.Event()
        self._why_down = "not connected yet"

    @property
    def current(self) -> Connection | None:
        """The connection on which new work goes out."""
        return self._current

    def not_ready(self) -> str | None:
        """Answer a readiness question."""
        return None if self._current is not None else self._why_down

    async def wait_connection(self) -> Connection:
        """Wait for a connection that is not about to end; for one waiter."""
        while self._current is None or self._current.leaving:
            self._stood.clear()
            await self._stood.wait()
        return self._current

    async def run(self) -> None:
        """Keep the link until `stop`."""
        while True:
            connection = await self._connect()
            former, self._current = self._current, connection
            self._spawn(f"connection {connection.number}", self._carry(connection))
            self._set_changed()
            if former is not None:
                self._spawn(f"retire connection {former.number}", self._let_go(former))
            since = time.monotonic()
            await connection.wait_leaving()
            if self._stopping:
                return
            steady = time.monotonic() - since >= STEADY_S
            if steady:
                self._backoff.reset()
            if connection.closed or not steady:
                await self._rest(self._backoff.next_s())

    async def _let_go(self, former: Connection) -> None:
        """End a former connection. It serves the zone's accounts until they have been claimed on the new one."""
        if not former.closed:
            await asyncio.sleep(min(OVERLAP_S, self._options.hand_over_s))
        await former.retire(self._options.hand_over_s)

    async def announce(self) -> None:
        """Tell the zone each change of the link, the newest state only."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            state = pb.LinkState(connected=self._current is not None, connection=self._number)
            try:
                await self._zone.notify(pb.GatewayFrame(link_state=state))
            except ZoneUnavailable as error:
                log.warning("the zone cannot be told of the link's state", **{logfields.ERROR: chain(error)})

    async def stop(self, within_s: float) -> None:
        """Let what is under way finish, then end the connection."""
        self._stopping = True
        if self._current is not None:
            await self._current.retire(within_s)

    async def _connect(self) -> Connection:
        attempt = 0
        while True:
            attempt += 1
            try:
                connection = await self._greet(await self._dialler.dial())
            except LinkRefused as error:
                delay_s = self._backoff.next_s(at_least_s=self._options.refused_retry_s)
                _DIALS["refused"].inc()
                self._failed("the gateway refuses this agent", error, attempt, delay_s)
            except LinkLost as error:
                delay_s = self._backoff.next_s(at_least_s=error.retry_after_s)
                _DIALS["failed"].inc()
                self._failed("the gateway cannot be reached", error, attempt, delay_s)
            else:
                _DIALS["connected"].inc()
                return connection
            await self._rest(delay_s)

    async def _rest(self, delay_s: float) -> None:
        metrics.BRIDGE_BACKOFF_SECONDS.set(delay_s)
        await asyncio.sleep(delay_s)
        metrics.BRIDGE_BACKOFF_SECONDS.set(0)

    def _failed(self, what: str, error: LinkLost, attempt: int, delay_s: float) -> None:
        self._why_down = str(error)
        log.error(
            what,
            **{logfields.ERROR: chain(error), logfields.ATTEMPT: attempt, logfields.RETRY_S: round(delay_s, 1)},
        )

    async def _greet(self, wire: Wire) -> Connection:
        """Say Hello and wait for Welcome."""
        try:
            async with asyncio.timeout(WELCOME_S):
                await wire.send(await self._hello())
                frame = await wire.receive()
            connection = self._welcomed(wire, frame)
        except TimeoutError:
            await wire.close()
            raise LinkLost(f"the gateway did not answer Hello within {WELCOME_S:g} s") from None
        except BaseException:
            await wire.close()
            raise
        return connection

    def _welcomed(self, wire: Wire, frame: pb.GatewayFrame) -> Connection:
        if frame.WhichOneof("body") == "call_failed":
            raise LinkRefused(f"the gateway refuses this agent: {frame.call_failed.message[:300]}")
        if frame.WhichOneof("body") != "welcome":
            raise LinkLost("the gateway's first frame is no Welcome")
        welcome = frame.welcome
        if negotiate(welcome.protocol_version) is None:
            raise LinkRefused(
                f"gateway {welcome.software_version[:40]} speaks protocol {welcome.protocol_version}, this agent "
                f"{PROTOCOL_VERSION}: upgrade the older one, they may be one release apart"
            )
        self._number += 1
        log.info(
            "the link stands",
            **{logfields.STATE: f"connection {self._number}", logfields.VERSION: welcome.software_version[:40]},
        )
        return Connection(
            number=self._number,
            wire=wire,
            welcome=welcome,
            timing=self._options.timing,
            beat=self._beat,
            deliver=self._deliver,
        )

    @property
    def zone(self) -> str:
        """The installation that this bridge speaks for."""
        return self._identity.zone_id

    async def _hello(self) -> pb.AgentFrame:
        hello = pb.Hello()
        hello.CopyFrom(self._identity)
        hello.protocol_version = PROTOCOL_VERSION
        hello.claims_incarnation = await self._claims_incarnation()
        return pb.AgentFrame(hello=hello)

    async def _beat(self) -> pb.Heartbeat:
        return pb.Heartbeat(sent_unix_ms=int(time.time() * 1000), claims_incarnation=await self._claims_incarnation())

    async def _claims_incarnation(self) -> str:
        """The incarnation as the bus tells it now, else as it was told last."""
        try:
            self._incarnation = await self._zone.incarnation()
        except ZoneUnavailable as error:
            log.debug("the claims' incarnation cannot be told", **{logfields.ERROR: chain(error)})
        return self._incarnation

    async def _carry(self, connection: Connection) -> None:
        try:
            reason = await connection.run()
        finally:
            if self._current is connection:
                self._current = None
                self._set_changed()
            metrics.BRIDGE_DISCONNECTIONS.inc()
            self._on_end(connection)
        self._why_down = f"the link went down: {reason}"
        log.info("a connection ended", **{logfields.STATE: f"connection {connection.number}", logfields.REASON: reason})

    def _set_changed(self) -> None:
        metrics.BRIDGE_CONNECTED.set(0 if self._current is None else 1)
        metrics.BRIDGE_WINDOW_BYTES.set(0 if self._current is None else self._current.window_bytes)
        self._changed.set()
        if self._current is not None:
            self._stood.set()
