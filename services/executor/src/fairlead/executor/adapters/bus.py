"""Operations, cancellations and questions from other executors, as they come from the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from google.protobuf.message import DecodeError
from nats.aio.msg import Msg

from fairlead.contracts.subjects import CANCEL, executor_subject, operation_subject
from fairlead.contracts.v1.link_pb2 import GatewayFrame
from fairlead.executor.adapters.subscriptions import SharedSubscriptions
from fairlead.executor.core.claims import Owner
from fairlead.executor.core.job import Job
from fairlead.runtime import logfields
from fairlead.runtime.bus import Bus, BusUnavailable, NoResponder
from fairlead.runtime.logs import get_logger

log = get_logger()

ASK_TIMEOUT_S = 2.0
ASKS_MAX = 3
ASK_PAUSE_S = 1.5
"""An executor that only lost its connection is back on the bus in about a second."""


class OperationFeed:
    """The subscriptions on which one executor takes operations; it shares them with the other executors."""

    def __init__(self, bus: Bus, accept: Callable[[Job], bool]) -> None:
        self._accept = accept
        self._subscriptions = SharedSubscriptions(bus)
        self.close = self._subscriptions.close

    async def open(self, accounts: list[str]) -> None:
        """Take operations of these accounts from now on."""
        await self._subscriptions.open({operation_subject(account): self._taker(account) for account in accounts})

    def _taker(self, account: str) -> Callable[[Msg], Awaitable[None]]:
        async def take(message: Msg) -> None:
            job = decode_job(message.data)
            if job is None or job.account != account:
                log.warning("a message that is no operation of its account", **{logfields.SUBJECT: message.subject})
            elif self._accept(job):
                await message.respond(b"")

        return take


def decode_job(data: bytes) -> Job | None:
    """Read an operation off the bus; None when it is none, or not whole."""
    try:
        frame = GatewayFrame.FromString(data)
    except DecodeError:
        return None
    operation = frame.operation
    if frame.WhichOneof("body") != "operation" or operation.chunk or not operation.last:
        return None
    return Job(
        operation.id, operation.account, operation.attempt, operation.first_incarnation, operation.request,
        frame.traceparent,
    )  # fmt: skip


async def hear_cancellations(bus: Bus, cancel: Callable[[str], None]) -> None:
    """Pass cancellations on; every executor hears every one."""

    async def heard(message: Msg) -> None:
        try:
            frame = GatewayFrame.FromString(message.data)
        except DecodeError:
            return
        if frame.WhichOneof("body") == "cancel_operation":
            cancel(frame.cancel_operation.id)

    await bus.subscribe(CANCEL, heard)


async def answer_questions(bus: Bus, executor_id: str, answer: Callable[[str, str], Owner]) -> None:
    """Answer other executors about what this one has claimed, for as long as the connection stands."""

    async def asked(message: Msg) -> None:
        operation_id, _, run = message.data.decode("ascii", "replace").partition(" ")
        await message.respond(answer(operation_id, run).value.encode())

    await bus.subscribe(executor_subject(executor_id), asked)


class BusPeers:
    """The other executors, asked over the bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def ask(self, executor_id: str, operation_id: str, run: str) -> Owner:
        """Ask one executor; see `ports.Peers`."""
        question = f"{operation_id} {run}".encode()
        for ask in range(1, ASKS_MAX + 1):
            try:
                answer = await self._bus.request(executor_subject(executor_id), question, timeout_s=ASK_TIMEOUT_S)
            except NoResponder:
                if ask < ASKS_MAX:
                    await asyncio.sleep(ASK_PAUSE_S)
            except BusUnavailable:
                return Owner.RUNNING
            else:
                return next((owner for owner in Owner if owner.value.encode() == answer), Owner.LOST)
        return Owner.LOST
