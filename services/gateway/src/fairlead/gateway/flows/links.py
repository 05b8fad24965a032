"""Every connection of this gateway: who may open one, what it serves, and what is done when it has ended."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from fairlead.contracts.codec import Decoder
from fairlead.contracts.link import DATA_WINDOW_BYTES, PROTOCOL_VERSION, negotiate
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.core.sessions import CloseReason
from fairlead.gateway.core.tokens import Grant
from fairlead.gateway.errors import DatabaseUnavailable, LinkViolation, UnsupportedProtocol
from fairlead.gateway.flows.link import messages
from fairlead.gateway.flows.link.calls import Calls, Observed, Reports
from fairlead.gateway.flows.link.connection import SILENT_INTERVALS, Connection, LinkTiming, Write, welcome
from fairlead.gateway.flows.link.lane import CommitLane, Committer
from fairlead.gateway.flows.link.outbox import Outbox
from fairlead.gateway.ports.links import DocumentStore, LinkRecord, LinkStore
from fairlead.runtime import logfields, metrics
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
HELLO_S = 10.0
"""Time for the first frame."""
WATCH_S = 2.0
"""How often credentials, gaps and living gateways are looked at."""
GAP_S = 5.0
"""A hole in a session's numbers that lasts longer closes the session (rule 5)."""
SESSIONS_REMEMBERED = 100_000
"""Which connection opened a session; a forgotten one is told to every connection."""


class Mirror(Observed, Committer, Protocol):
    """What links need of observation."""

    async def close_gaps(self, accounts: Sequence[str], older_than_s: float) -> dict[str, CloseReason]:
        """Close sessions whose numbers have a hole that lasts."""
        ...


class Attempts(Reports, Protocol):
    """What links need of operations."""

    async def account_claimed(self, account: str, link: str) -> None:
        """An agent came (back)."""
        ...

    async def link_lost(self, link: str) -> None:
        """A connection has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Gateway:
    """Who this gateway is, in its agents' eyes."""

    id: str
    software_version: str
    window_bytes: int = DATA_WINDOW_BYTES
    address: str = ""
    """How the other gateways reach it; empty: not at all."""


@dataclass
class Links:
    """The connections of this gateway; `LinkDesk` for the door, `Agents` for operations."""

    gateway: Gateway
    timing: LinkTiming
    mirror: Mirror
    store: LinkStore
    documents: DocumentStore
    decoder: Decoder
    holds: Callable[[Grant], bool]
    """Whether a grant that was found before is good still."""
    attempts: Attempts | None = None
    """Operations; set once they exist, for they need the links too."""
    _connections: dict[str, Connection] = field(default_factory=dict)
    _by_account: dict[str, list[Connection]] = field(default_factory=dict)
    _sessions: OrderedDict[str, Connection] = field(default_factory=OrderedDict)
    _ended: asyncio.Queue[Connection] = field(default_factory=asyncio.Queue)
    _empty: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: bool = False
    _touched: float = 0.0
    _sound_since: float | None = None
    """Since when the database has taken every sign of life."""

    def __post_init__(self) -> None:
        self._empty.set()
        metrics.GATEWAY_UNCOMMITTED_BYTES.set_function(lambda: self.uncommitted_bytes)

    @property
    def uncommitted_bytes(self) -> int:
        """Bytes that agents sent and that are not committed; may be asked from another thread."""
        return sum(connection.uncommitted_bytes for connection in list(self._connections.values()))

    # ---- the door

    async def serve(self, grant: Grant, frames: AsyncIterator[pb.AgentFrame], write: Write) -> None:
        """Handle one connection from its first frame to its end.

        Args:
            grant: of its credentials.
            frames: what the agent sends.
            write: sends a frame.

        Raises:
            LinkViolation: why the gateway ended it, or refused it.

        """
        hello = await _hello(frames)
        version = negotiate(hello.protocol_version)
        if version is None:
            raise UnsupportedProtocol(
                f"this gateway speaks link protocol {PROTOCOL_VERSION} and its neighbours, the agent speaks"
                f" {hello.protocol_version}; upgrade the older of the two"
            )
        if self._stopping:
            raise LinkViolation("the gateway is stopping; dial again")
        connection = self._connection(hello, grant)
        connection.tell(
            [
                welcome(
                    version,
                    gateway=self.gateway.id,
                    software_version=self.gateway.software_version,
                    heartbeat_s=self.timing.heartbeat_s,
                    window_bytes=self.gateway.window_bytes,
                )
            ]
        )
        self._connections[connection.id] = connection
        self._empty.clear()
        metrics.GATEWAY_CONNECTIONS.set(len(self._connections))
        log.info("agent connected", **_told(connection))
        try:
            await connection.run(frames, write)
        finally:
            self._forget(connection)

    def _connection(self, hello: pb.Hello, grant: Grant) -> Connection:
        if self.attempts is None:
            raise RuntimeError("links serve before operations exist")
        outbox = Outbox()
        lane = CommitLane(self.mirror, self.documents, self.decoder, grant.allows, outbox, self.gateway.window_bytes)

        async def claimed(account: str) -> None:
            await self._claimed(connection, account)

        def opened(session: str) -> None:
            self._opened(connection, session)

        calls = Calls(hello, grant, self.mirror, self.attempts, claimed, opened)
        connection = Connection(calls, lane, outbox, self.timing)
        return connection

    def _forget(self, connection: Connection) -> None:
        del self._connections[connection.id]
        for account, holders in list(self._by_account.items()):
            if connection in holders:
                holders.remove(connection)
            if not holders:
                del self._by_account[account]
        if not self._connections:
            self._empty.set()
        metrics.GATEWAY_CONNECTIONS.set(len(self._connections))
        metrics.GATEWAY_ACCOUNTS.set(len(self._by_account))
        log.info("agent disconnected", **_told(connection))
        self._ended.put_nowait(connection)

    async def _claimed(self, connection: Connection, account: str) -> None:
        holders = self._by_account.setdefault(account, [])
        if connection in holders:
            holders.remove(connection)
        holders.append(connection)
        metrics.GATEWAY_ACCOUNTS.set(len(self._by_account))
        await self._store(connection)
        if self.attempts is not None:
            await self.attempts.account_claimed(account, connection.id)

    async def _store(self, connection: Connection) -> None:
        """Store a connection as it stands when its turn comes; not at all once it has ended."""
        async with connection.storing:
            if connection.id in self._connections:
                await self.store.put(self._record(connection))

    def _opened(self, connection: Connection, session: str) -> None:
        self._sessions[session] = connection
        while len(self._sessions) > SESSIONS_REMEMBERED:
            self._sessions.popitem(last=False)

    # ---- operations

    def link_of(self, account: str) -> Connection | None:
        """The connection that serves an account: the latest that is not about to end."""
        holders = self._by_account.get(account, [])
        return next((each for each in reversed(holders) if not each.draining), holders[-1] if holders else None)

    # ---- tasks of the service

    async def watch(self) -> None:
        """Look after what lasts: credentials, gaps, dead gateways; a task of the service."""
        while True:
            self.end_revoked()
            try:
                await self._close_gaps()
                await self._keep_alive()
            except DatabaseUnavailable as error:
                self._sound_since = None
                log.debug("links wait for the database", **{logfields.ERROR: chain(error)})
            await asyncio.sleep(WATCH_S)

    def end_revoked(self) -> None:
        """End connections whose credentials were revoked, changed or have expired."""
        for connection in list(self._connections.values()):
            if not self.holds(connection.grant):
                log.warning("credentials revoked; ending the connection", **_told(connection))
                connection.end(
                    LinkViolation(f"the credential {connection.grant.name!r} was revoked, changed or has expired")
                )

    async def _close_gaps(self) -> None:
        if not self._by_account:
            return
        for session, reason in (await self.mirror.close_gaps(sorted(self._by_account), GAP_S)).items():
            self.tell_closed(session, reason)

    def tell_closed(self, session: str, reason: CloseReason) -> None:
        """Tell the agent of a session that it is closed; every agent when it is not known whose it was."""
        owner = self._sessions.get(session)
        known = owner is not None and owner.id in self._connections
        receivers = [owner] if known and owner is not None else list(self._connections.values())
        for connection in receivers:
            connection.tell([messages.session_closed(session, reason)])

    async def _keep_alive(self) -> None:
        """Tell other gateways that these connections live, and bury those of gateways that died."""
        now = time.monotonic()
        if now - self._touched < self.timing.heartbeat_s / 2:
            return
        serving = [connection for connection in self._connections.values() if connection.accounts]
        if await self.store.touch(self.gateway.id) < len(serving):
            for connection in serving:
                await self._store(connection)
        self._touched = now
        self._sound_since = self._sound_since or now
        silent_s = SILENT_INTERVALS * self.timing.heartbeat_s
        # After an outage of the database everybody looks dead; the living speak first.
        if now - self._sound_since > silent_s:
            message = "the gateway that its agent was connected to died"
            await self.store.sweep(silent_s, since=datetime.now(UTC), message=message)

    async def reap(self) -> None:
        """Do what is to be done after connections have ended; a task of the service."""
        while True:
            connection = await self._ended.get()
            while True:
                try:
                    await self._bury(connection)
                    break
                except DatabaseUnavailable:
                    await asyncio.sleep(WATCH_S)

    async def _bury(self, connection: Connection) -> None:
        for session in [each for each, owner in self._sessions.items() if owner is connection]:
            del self._sessions[session]
        message = f"agent {connection.agent} is not connected"
        async with connection.storing:
            # As this gateway knows them: the stored ones may be fewer, or swept by others.
            lost = connection.accounts.difference(self._by_account)
            await self.store.remove(connection.id, lost, since=datetime.now(UTC), message=message)
        if self.attempts is not None:
            await self.attempts.link_lost(connection.id)

    async def stop(self, grace_s: float) -> None:
        """Ask every agent to dial elsewhere, commit what was received, end the connections; a stop step."""
        self._stopping = True
        connections = list(self._connections.values())
        for connection in connections:
            connection.drain("the gateway stops")
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                for connection in connections:
                    await connection.committed()
                await self._empty.wait()
        for connection in list(self._connections.values()):
            connection.end()

    def records(self) -> list[LinkRecord]:
        """The connections of this gateway."""
        return [self._record(connection) for connection in self._connections.values()]

    def _record(self, connection: Connection) -> LinkRecord:
        hello = connection.hello
        return LinkRecord(
            id=connection.id,
            gateway=self.gateway.id,
            agent=hello.agent_id,
            zone=hello.zone_id,
            mode=hello.mode,
            software_version=hello.software_version,
            credential=connection.grant.name,
            accounts=tuple(sorted(connection.accounts)),
            address=self.gateway.address,
        )


async def _hello(frames: AsyncIterator[pb.AgentFrame]) -> pb.Hello:
    try:
        async with asyncio.timeout(HELLO_S):
            frame = await anext(frames)
    except (TimeoutError, StopAsyncIteration):
        raise LinkViolation("the first frame did not come in time") from None
    if frame.WhichOneof("body") != "hello":
        raise LinkViolation("the first frame is no Hello")
    return frame.hello


def _told(connection: Connection) -> dict[str, str]:
    return {
        logfields.AGENT: connection.agent,
        logfields.ZONE: connection.hello.zone_id,
        logfields.VERSION: connection.hello.software_version,
        logfields.USER: connection.grant.name,
    }
