"""One HTTP exchange that came through the tunnel: claimed when it writes, sent once, its answer handed on as it comes."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from fairlead.contracts.tunnels import WINDOW_BYTES, WINDOW_MAX_BYTES, is_write, may_last
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.executor.core import exchange as rules
from fairlead.executor.core.claims import Claim
from fairlead.executor.errors import ClaimExists, ClaimsUnavailable, NoAnswer, Undelivered
from fairlead.executor.ports import Bridges, Claims, RawCluster, RawRequest
from fairlead.runtime import logfields, metrics, tracing
from fairlead.runtime.bodies import BodyBroken, Inlet, Outlet
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
End = pb.TunnelEnd
OUTCOMES = {
    End.CODE_UNSPECIFIED: "done", End.CODE_NOT_DISPATCHED: "not-dispatched", End.CODE_LOST: "lost",
    End.CODE_REFUSED: "refused", End.CODE_CANCELLED: "cancelled",
}  # fmt: skip


class Exchange:
    """Carries one request to an API server.

    Args:
        frame: with the opening.
        cluster: of its account.
        claims: where a write is claimed.
        owner: the executor, in claims.
        bridges: take the answer.

    """

    def __init__(
        self, frame: pb.GatewayFrame, cluster: RawCluster, claims: Claims, owner: str, bridges: Bridges
    ) -> None:
        self.opened = frame.tunnel_open
        self.task: asyncio.Task[None] | None = None
        self._traceparent = frame.traceparent
        self._cluster = cluster
        self._claims = claims
        self._owner = owner
        self._bridges = bridges
        self._stopped: End | None = None
        self._rest = Inlet(WINDOW_BYTES, self._grant)
        self._answer = Outlet(self._send_piece, min(self.opened.window_bytes, WINDOW_MAX_BYTES))

    @property
    def lasts(self) -> bool:
        """Whether it may go on for ever: a watch, a followed log."""
        return may_last(self.opened)

    def take(self, data: pb.TunnelData) -> None:
        """Take a piece of the request's body; one that breaks the rules ends the exchange."""
        try:
            self._rest.put(data.sequence, data.content, last=data.last)
        except BodyBroken as error:
            self.stop(End.CODE_LOST, str(error))

    def credit(self, size: int) -> None:
        """The reader of the answer takes more."""
        self._answer.grant(size)

    def stop(self, code: End.Code, reason: str) -> None:
        """End it before its time."""
        if self._stopped is None and self.task is not None:
            self._stopped = End(id=self.opened.id, code=code, reason=reason)
            self.task.cancel()

    async def run(self) -> None:
        """Carry it out, and tell the bridge when it did not end well."""
        opened = self.opened
        try:
            with tracing.span("executor.tunnel", self._traceparent, operation=opened.id, account=opened.account):
                end = await self._ended()
                if end.code:
                    tracing.fail(OUTCOMES[end.code])
        except asyncio.CancelledError:
            if self._stopped is None:
                raise
            end = self._stopped
        except Exception as error:  # noqa: BLE001 - one exchange must not end the service
            log.error("an exchange met an error that nobody handled", **{
                logfields.OPERATION: opened.id, logfields.ACCOUNT: opened.account, logfields.ERROR: chain(error)})  # fmt: skip
            end = End(id=opened.id, code=End.CODE_LOST, reason="the executor met an error; its log says which")
        metrics.EXECUTOR_TUNNELS_ENDED.labels(OUTCOMES[end.code]).inc()
        if end.code in (End.CODE_UNSPECIFIED, End.CODE_CANCELLED):
            return
        log.warning("an exchange did not end well", **{
            logfields.OPERATION: opened.id, logfields.ACCOUNT: opened.account, logfields.STATE: OUTCOMES[end.code],
            logfields.REASON: end.reason})  # fmt: skip
        try:
            await self._bridges.send(opened.bridge, pb.AgentFrame(tunnel_end=end))
        except Undelivered as error:  # the next lease shows that it is over
            log.debug("the end of an exchange is not told", **{logfields.ERROR: chain(error)})

    async def _ended(self) -> End:
        """Carry it out; how it ended, without a code when the answer is whole."""
        opened = self.opened
        objection = rules.objection(opened.method, opened.target, _pairs(opened.headers))
        if objection:
            return End(id=opened.id, code=End.CODE_REFUSED, reason=objection)
        try:
            if is_write(opened.method):
                await self._claim()
            await self._exchange()
        except ClaimExists:
            return End(id=opened.id, code=End.CODE_REFUSED, reason="a request of this id was sent before")
        except ClaimsUnavailable as error:
            return End(id=opened.id, code=End.CODE_NOT_DISPATCHED, reason=str(error))
        except NoAnswer as error:
            code = End.CODE_LOST if error.maybe_sent else End.CODE_NOT_DISPATCHED
            return End(id=opened.id, code=code, reason=str(error))
        except Undelivered as error:
            return End(id=opened.id, code=End.CODE_LOST, reason=str(error))
        return End(id=opened.id)

    async def _claim(self) -> None:
        """Take the id, so that whatever happens it is sent once: nobody claims the same id again, and nobody resends."""
        await self._claims.create(
            self.opened.id, Claim(self._owner, secrets.token_hex(8), 1, time.time_ns() // 1_000_000, "tunnel")
        )

    async def _exchange(self) -> None:
        opened = self.opened
        request = RawRequest(
            opened.method, opened.target, rules.request_headers(_pairs(opened.headers), f"{opened.id}.1"),
            await self._body(), opened.answer_within_ms / 1000, opened.idle_ms / 1000 or None,
        )  # fmt: skip
        async with AsyncExitStack() as stack:
            answer = await stack.enter_async_context(self._cluster.exchange(request))
            # Whatever still reads the request's body must end before the exchange can be left.
            stack.callback(self._rest.fail, BodyBroken("the exchange is over"))
            headers = [pb.HttpHeader(name=name, value=value) for name, value in rules.answer_headers(answer.headers)]
            head = pb.TunnelHead(id=opened.id, status=answer.status, headers=headers)
            await self._bridges.send(opened.bridge, pb.AgentFrame(tunnel_head=head))
            await self._answer.carry(answer.body)

    async def _body(self) -> bytes | AsyncIterator[bytes] | None:
        """The body: whole when it is, so that its length is told, else as it comes, for which credit is given now."""
        if self.opened.last:
            return self.opened.content or None
        await self._grant(WINDOW_BYTES)
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield self.opened.content
        async for piece in self._rest:
            yield piece

    async def _grant(self, size: int) -> None:
        credit = pb.TunnelCredit(id=self.opened.id, bytes=size)
        await self._bridges.send(self.opened.bridge, pb.AgentFrame(tunnel_credit=credit))

    async def _send_piece(self, sequence: int, content: bytes, last: bool) -> None:
        data = pb.TunnelData(id=self.opened.id, sequence=sequence, content=content, last=last)
        await self._bridges.send(self.opened.bridge, pb.AgentFrame(tunnel_data=data))


def _pairs(headers: object) -> list[tuple[str, str]]:
    return [(each.name, each.value) for each in headers]  # type: ignore[attr-defined]
