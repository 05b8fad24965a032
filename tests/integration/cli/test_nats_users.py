"""The users of `fairlead nats-config` on a real nats-server: the boundary of the scrubber holds at run time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig

from fairlead.cli.nats_config import authorization, service_users
from fairlead.contracts import subjects
from fairlead.contracts.streams import CLAIMS, CLEAN_LOG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fairlead.cli.parts.nats_server import NatsServer

PASSWORD = "test"
WAIT_S = 10.0


class Connection:
    """A client of one user that collects the refusals of the server."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self._told = asyncio.Event()
        self.client = Client()

    async def noted(self, error: Exception) -> None:
        """Take an asynchronous error of the server."""
        self.refusals.append(str(error))
        self._told.set()

    async def settled(self) -> None:
        """Wait until the server knows the subscriptions."""
        for _ in range(2):  # nats-py's first PING overtakes what it has not written yet
            await self.client.flush()

    async def refused(self, subject: str) -> bool:
        """Whether the server refuses something about a subject, within a bounded time."""
        with contextlib.suppress(TimeoutError, nats.errors.Error):
            async with asyncio.timeout(WAIT_S):
                while not any(_is_refusal(each, subject) for each in self.refusals):
                    self._told.clear()
                    await self._told.wait()
        return any(_is_refusal(each, subject) for each in self.refusals)


def _is_refusal(told: str, subject: str) -> bool:
    return "permissions violation" in told.lower() and subject.lower() in told.lower()


@pytest.fixture
def server(nats_servers: Callable[..., NatsServer]) -> NatsServer:
    """A nats-server with the users of all services and an administrator."""
    return nats_servers(config=authorization(lambda _: f'"{PASSWORD}"', administrator="admin"))


@contextlib.asynccontextmanager
async def as_user(server: NatsServer, user: str) -> AsyncIterator[Connection]:
    """Connect as a user."""
    connection = Connection()
    await connection.client.connect(
        server.url, user=user, password=PASSWORD, inbox_prefix=f"_INBOX.{user}", error_cb=connection.noted
    )
    try:
        yield connection
    finally:
        await connection.client.close()


async def make_clean_log(bridge: Connection) -> None:
    """Create the stream and its consumer, as the bridge does."""
    jetstream = bridge.client.jetstream()
    await jetstream.add_stream(
        StreamConfig(name=CLEAN_LOG.name, subjects=[CLEAN_LOG.subject], retention=RetentionPolicy.WORK_QUEUE)
    )
    await jetstream.add_consumer(CLEAN_LOG.name, ConsumerConfig(durable_name=CLEAN_LOG.durable, ack_wait=30))


async def test_a_batch_goes_its_way(server: NatsServer) -> None:
    """Watcher to scrubber by request, scrubber to the clean log, bridge pulls and acknowledges: all of it is allowed."""
    async with (
        as_user(server, "watcher") as watcher,
        as_user(server, "scrubber") as scrubber,
        as_user(server, "bridge") as bridge,
    ):
        await make_clean_log(bridge)

        async def scrub(message: Msg) -> None:
            await scrubber.client.jetstream().publish(subjects.CLEAN_BATCH, message.data.upper())
            await message.respond(b"stored")

        await scrubber.client.subscribe(subjects.RAW_BATCH, queue=subjects.SCRUBBER_GROUP, cb=scrub)
        await scrubber.settled()
        reply = await watcher.client.request(subjects.RAW_BATCH, b"raw", timeout=5)
        subscription = await bridge.client.jetstream().pull_subscribe_bind(CLEAN_LOG.durable, CLEAN_LOG.name)
        [message] = await subscription.fetch(1, timeout=5)
        await message.in_progress()
        await message.ack_sync(timeout=5)

    assert (reply.data, message.data) == (b"stored", b"RAW")
    assert not watcher.refusals + scrubber.refusals + bridge.refusals


async def test_an_operation_goes_its_way(server: NatsServer) -> None:
    """Bridge to executor by request, a claim in the bucket, and the report back: all of it is allowed."""
    async with as_user(server, "bridge") as bridge, as_user(server, "executor") as executor:
        bucket = await executor.client.jetstream().create_key_value(bucket=CLAIMS.name, ttl=60)

        async def execute(message: Msg) -> None:
            await message.respond(b"taken")

        async def report(message: Msg) -> None:
            await message.respond(b"done")

        await executor.client.subscribe(f"{subjects.OPERATION}.*", queue=subjects.EXECUTOR_GROUP, cb=execute)
        await bridge.client.subscribe(subjects.CALL_REPORT, queue=subjects.BRIDGE_GROUP, cb=report)
        await executor.settled()
        await bridge.settled()
        taken = await bridge.client.request(subjects.operation_subject("shop"), b"do", timeout=5)
        claim = await bucket.create("op-1", b"mine")
        await bucket.update("op-1", b"done", last=claim)
        found = await bucket.get("op-1")
        done = await executor.client.request(subjects.CALL_REPORT, b"result", timeout=5)
        incarnation = await bridge.client.request(f"$JS.API.STREAM.INFO.KV_{CLAIMS.name}", b"", timeout=5)

    assert (taken.data, found.value, done.data) == (b"taken", b"done", b"done")
    assert b'"created"' in incarnation.data
    assert not bridge.refusals + executor.refusals


FORBIDDEN_TO_PUBLISH = [
    ("watcher", subjects.CLEAN_BATCH),
    ("watcher", f"{subjects.OPERATION}.shop"),
    ("watcher", subjects.CALL_REPORT),
    ("executor", subjects.CLEAN_BATCH),
    ("bridge", subjects.CLEAN_BATCH),
    ("scrubber", f"{subjects.OPERATION}.shop"),
    ("scrubber", f"$JS.API.CONSUMER.CREATE.{CLEAN_LOG.name}.spy"),
    ("watcher", f"$JS.API.CONSUMER.MSG.NEXT.{CLEAN_LOG.name}.{CLEAN_LOG.durable}"),
    ("executor", f"$JS.API.STREAM.MSG.GET.{CLEAN_LOG.name}"),
    ("bridge", f"$JS.API.STREAM.MSG.GET.{CLEAN_LOG.name}"),
    ("bridge", f"$JS.API.STREAM.DELETE.{CLEAN_LOG.name}"),
    ("bridge", f"$KV.{CLAIMS.name}.op-1"),
    ("scrubber", "_INBOX.watcher.guess"),
]
FORBIDDEN_TO_READ = [
    ("watcher", subjects.CLEAN_BATCH, ""),
    ("watcher", subjects.RAW_BATCH, subjects.SCRUBBER_GROUP),
    ("bridge", subjects.RAW_BATCH, subjects.SCRUBBER_GROUP),
    ("bridge", subjects.CLEAN_BATCH, ""),
    ("scrubber", subjects.RAW_BATCH, ""),
    ("scrubber", subjects.RAW_BATCH, "spies"),
    ("scrubber", f"{subjects.OPERATION}.*", subjects.EXECUTOR_GROUP),
    ("watcher", f"{subjects.OPERATION}.shop", subjects.EXECUTOR_GROUP),
    ("scrubber", subjects.CALL_REPORT, subjects.BRIDGE_GROUP),
    ("watcher", "_INBOX.executor.>", ""),
    *((user.name, ">", "") for user in service_users()),
]


async def test_nobody_writes_what_is_not_theirs(server: NatsServer) -> None:
    """The server refuses each forbidden subject, and nobody hears the message."""
    async with as_user(server, "admin") as admin, contextlib.AsyncExitStack() as stack:
        users = {user.name: await stack.enter_async_context(as_user(server, user.name)) for user in service_users()}
        heard = await admin.client.subscribe(">")
        await admin.settled()
        for user, subject in FORBIDDEN_TO_PUBLISH:
            await users[user].client.publish(subject, b"forged")
        refused = [await users[user].refused(subject) for user, subject in FORBIDDEN_TO_PUBLISH]
        await admin.client.publish("end", b"")
        messages = [await heard.next_msg(timeout=5)]
        while messages[-1].subject != "end":
            messages.append(await heard.next_msg(timeout=5))

    assert [pair for pair, no in zip(FORBIDDEN_TO_PUBLISH, refused, strict=True) if not no] == []
    assert [message.subject for message in messages if message.data == b"forged"] == []


async def test_nobody_reads_what_is_not_theirs(server: NatsServer) -> None:
    """The server refuses each forbidden subscription."""
    async with contextlib.AsyncExitStack() as stack:
        users = {user.name: await stack.enter_async_context(as_user(server, user.name)) for user in service_users()}
        allowed = []
        for user, subject, group in FORBIDDEN_TO_READ:
            connection = users[user]
            connection.refusals.clear()
            await connection.client.subscribe(subject, queue=group)
            if not await connection.refused(subject):
                allowed.append((user, subject, group))

    assert allowed == [], users["scrubber"].refusals


async def test_a_wrong_password_opens_nothing(server: NatsServer) -> None:
    """Neither a wrong password nor no user at all."""
    for user, password in (("scrubber", "guess"), (None, None)):
        client = Client()
        refusals: list[Exception] = []

        async def noted(error: Exception, refusals: list[Exception] = refusals) -> None:
            refusals.append(error)

        with pytest.raises((nats.errors.Error, OSError)):
            async with asyncio.timeout(10):
                await client.connect(server.url, error_cb=noted, allow_reconnect=False, user=user, password=password)
        assert any("authorization" in str(error).lower() for error in refusals)
        await client.close()
