"""A bridge whose every frame the test decides, over a real gRPC connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
import grpc.aio
from tests.support.gateway import AGENT_TOKEN, RunningGateway

from fairlead.contracts.codec import encode
from fairlead.contracts.envelope import Batch
from fairlead.contracts.link import FRAME_LIMIT_BYTES, PROTOCOL_VERSION
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.contracts.v1.link_pb2_grpc import LinkStub

CLUSTER = pb.ClusterIdentity(uid="cluster-1", server="10.0.0.1:6443", ca_fingerprint="aa")
OTHER_CLUSTER = pb.ClusterIdentity(uid="cluster-2", server="10.0.0.2:6443", ca_fingerprint="bb")
PODS = pb.Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)
WITHIN_S = 15.0


class ScriptedBridge:
    """Speaks for one agent; frames that nobody asked for wait in `received`."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._calls = 0
        self._data = 0
        self.received: list[pb.GatewayFrame] = []
        self._changed = asyncio.Event()
        self.acked = 0

    async def send(self, frame: pb.AgentFrame) -> None:
        """Send a frame."""
        await self._call.write(frame)

    async def read(self) -> None:
        """Collect what comes until the stream ends; run by `bridge`."""
        try:
            while (frame := await self._call.read()) is not grpc.aio.EOF:
                self.received.append(frame)
                if frame.HasField("data_ack"):
                    self.acked = frame.data_ack.through
                self._changed.set()
        except grpc.aio.AioRpcError:
            pass
        finally:
            self._changed.set()

    async def find(self, wanted: Callable[[pb.GatewayFrame], bool], *, within_s: float = WITHIN_S) -> pb.GatewayFrame:
        """Wait for a frame and take it out of `received`."""
        async with asyncio.timeout(within_s):
            while True:
                for number, frame in enumerate(self.received):
                    if wanted(frame):
                        return self.received.pop(number)
                self._changed.clear()
                await self._changed.wait()

    async def next(self, body: str, *, within_s: float = WITHIN_S) -> pb.GatewayFrame:
        """Wait for a frame with this body."""
        return await self.find(lambda frame: frame.WhichOneof("body") == body, within_s=within_s)

    async def ask(self, **body: Any) -> pb.GatewayFrame:
        """Make a call and wait for its answer."""
        self._calls += 1
        number = self._calls
        await self.send(pb.AgentFrame(call=number, **body))
        return await self.find(lambda frame: frame.call == number)

    async def claim(self, *names: str, cluster: pb.ClusterIdentity = CLUSTER) -> list[pb.ClaimVerdict]:
        """Claim accounts."""
        claims = [pb.AccountClaim(name=name, cluster=cluster, server_version="v1.34.0") for name in names]
        answer = await self.ask(claim_accounts=pb.ClaimAccounts(accounts=claims))
        return list(answer.claim_verdicts.verdicts)

    async def open(self, account: str = "shop", resource: pb.Resource = PODS) -> pb.SessionOpened:
        """Open a session."""
        answer = await self.ask(open_session=pb.OpenSession(account=account, resource=resource, scope="all"))
        assert answer.HasField("session_opened"), answer
        return answer.session_opened

    async def send_batch(self, batch: Batch | bytes) -> int:
        """Send a data frame; returns its id."""
        self._data += 1
        envelope = batch if isinstance(batch, bytes) else encode(batch)
        await self.send(pb.AgentFrame(data_batch=pb.DataBatch(id=self._data, envelope=envelope)))
        return self._data

    async def until_acked(self, data_id: int) -> None:
        """Wait until a data frame is acknowledged."""
        async with asyncio.timeout(WITHIN_S):
            while self.acked < data_id:
                self._changed.clear()
                await self._changed.wait()

    async def report(self, operation: pb.Operation, state: pb.OperationReport.State, **more: Any) -> pb.GatewayFrame:
        """Report on an operation, in one piece unless said otherwise."""
        told = {"attempt": operation.attempt, "last": True, **more}
        return await self.ask(
            operation_report=pb.OperationReport(id=operation.id, account=operation.account, state=state, **told)
        )

    async def ended(self) -> tuple[grpc.StatusCode, str]:
        """Wait for the end of the stream; returns its status."""
        async with asyncio.timeout(WITHIN_S):
            return await self._call.code(), str(await self._call.details())

    async def half_close(self) -> None:
        """Say that no frame will follow."""
        await self._call.done_writing()


@asynccontextmanager
async def bridge(
    gateway: RunningGateway,
    *,
    token: str = AGENT_TOKEN,
    agent: str = "agent-0",
    incarnation: str = "bucket-1",
    version: int = PROTOCOL_VERSION,
    certificate: str = "",
) -> AsyncIterator[ScriptedBridge]:
    """Dial the gateway and say Hello."""
    files = gateway.authorities
    pair = (files.read(f"{certificate}.key"), files.read(f"{certificate}.crt")) if certificate else (None, None)
    trust = grpc.ssl_channel_credentials(files.read("ca.crt"), *pair)
    options = [
        ("grpc.max_receive_message_length", FRAME_LIMIT_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_http_proxy", 0),
    ]
    metadata = [("authorization", f"Bearer {token}")] if token else []
    async with grpc.aio.secure_channel(gateway.link, trust, options=options) as channel:
        call = LinkStub(channel).Connect(metadata=metadata)  # type: ignore[no-untyped-call]
        dialled = ScriptedBridge(call)
        hello = pb.Hello(
            protocol_version=version, agent_id=agent, zone_id="zone-1", software_version="0.1.0", mode="agent",
            claims_incarnation=incarnation,
        )  # fmt: skip
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(dialled.read())
            with suppress(grpc.aio.AioRpcError):  # refused: the test looks at the status
                await dialled.send(pb.AgentFrame(hello=hello))
            yield dialled
            call.cancel()
            reader.cancel()


async def until(question: Callable[[], Awaitable[bool]], *, within_s: float = WITHIN_S) -> None:
    """Wait until a question is answered with yes."""
    async with asyncio.timeout(within_s):
        while not await question():  # noqa: ASYNC110 - the answer is another program's
            await asyncio.sleep(0.02)


async def claimed_before(gateway: RunningGateway, *accounts: str, token: str = AGENT_TOKEN) -> None:
    """Have accounts claimed by an agent that goes away again."""

    async def connected() -> bool:
        async with gateway.api() as api:
            return bool((await api.get("/v1/agents")).json()["items"])

    async def gone() -> bool:
        return not await connected()

    async with bridge(gateway, token=token) as agent:
        await agent.claim(*accounts)
        await until(connected)
    await until(gone)
