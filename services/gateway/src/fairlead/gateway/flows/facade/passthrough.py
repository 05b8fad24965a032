"""Requests that the cluster itself answers: through the tunnel, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ulid import ULID

from fairlead.contracts.accounts import account_path
from fairlead.gateway.core.facade import headers, statuses
from fairlead.gateway.core.facade.answers import Written, asks_dry_run, read_answer, written
from fairlead.gateway.core.facade.headers import Header
from fairlead.gateway.core.facade.routing import lasts
from fairlead.gateway.core.facade.statuses import Refusal
from fairlead.gateway.core.facade.targets import Target, Verb
from fairlead.gateway.errors import TunnelRefused, TunnelUnavailable
from fairlead.gateway.flows.facade.bodies import Upload, chained, collect, plain
from fairlead.gateway.ports.facade import FacadeAnswer, FacadeRequest, WriteJournal, WriteTicket
from fairlead.gateway.ports.tunnel import Tunnel, TunnelAnswer, TunnelRequest

ANSWER_BYTES = 4 * 1024 * 1024
"""Of a write's answer so much is read before the client sees any of it, so that what it did is known first. An object has
1.5 MiB at most in etcd, and less than this as JSON; only the answer to the deletion of a whole collection is larger."""
SMALL_ANSWER_BYTES = 256 * 1024
LARGE_AT_ONCE = 16
"""So many writes at once may have the larger measure; of the others a large answer is passed on unread, and what they did in
detail stays unknown: lists are read live for a while then."""
OPTIONS_BYTES = 64 * 1024
"""Of a deletion's body so much is looked at for a dry run."""
UNAUTHORIZED = 401
DELETING = (Verb.DELETE, Verb.DELETE_COLLECTION)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an exchange may take."""

    body_bytes: int = 3 * 1024 * 1024
    """Of a request, as the API server's own (k8s.io/apiserver ``MaxRequestBodyBytes``)."""
    body_s: float = 60.0
    """Until all of it has come: lists of its kind wait for the write meanwhile. API servers give up after 60 s."""
    answer_s: float = 65.0
    """Until the answer begins; the API server itself gives up after 60 s."""
    lasting_answer_s: float = 3600.0
    """The same for logs and watches: that of a followed log begins with its first line."""
    idle_s: float = 60.0
    """Silence within the answer of a request that is not one of those."""


@dataclass(slots=True)
class Passthrough:
    """Carries requests to the cluster.

    Args:
        tunnel: to it.
        journal: of writes.
        bounds: of each exchange.
        on_write: told of each write that the API server took.

    """

    tunnel: Tunnel
    journal: WriteJournal
    bounds: Bounds
    on_write: Callable[[str, Target], None]
    _writing: int = 0

    @asynccontextmanager
    async def read(self, request: FacadeRequest, target: Target | None) -> AsyncIterator[FacadeAnswer]:
        """Ask the cluster something."""
        asked = self._asked(request, target, str(ULID()), None)
        async with self.tunnel.exchange(asked) as answer:
            _check_login(answer)
            yield FacadeAnswer(answer.status, _returned(request, answer), answer.body, answer.traceparent)

    @asynccontextmanager
    async def write(self, request: FacadeRequest, target: Target) -> AsyncIterator[FacadeAnswer]:
        """Let the cluster do something. The journal knows of it before it is sent, and what it did before the client does.

        Raises:
            DatabaseUnavailable: the journal cannot be written; nothing was sent.
            Refusal: the body is too large, or takes too long.

        """
        body = self._upload(request, target)
        ticket = await self.journal.begin(request, target)
        dispatched = True
        done: Written | None = None
        told = False
        measure = ANSWER_BYTES if self._writing < LARGE_AT_ONCE else SMALL_ANSWER_BYTES
        self._writing += 1
        try:
            async with self.tunnel.exchange(self._asked(request, target, ticket.id, body)) as answer:
                start, whole = await collect(answer.body, measure)
                done = _written(request, target, answer, start if whole else b"", body)
                await self._tell(ticket, done, dispatched=True)
                told = True
                _check_login(answer)
                content = start if whole else chained(start, answer.body)
                yield FacadeAnswer(answer.status, _returned(request, answer), content, answer.traceparent)
        except (TunnelUnavailable, TunnelRefused):
            dispatched = False
            raise
        except Exception:
            if body is not None and body.refusal is not None:  # an API server does nothing before it has all of it
                dispatched = False
                raise body.refusal from None
            raise
        finally:
            self._writing -= 1
            if not told:
                await self._tell(ticket, done, dispatched=dispatched)

    def _upload(self, request: FacadeRequest, target: Target) -> Upload | None:
        if request.body is None:
            return None
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.bounds.body_bytes:
            raise Refusal(statuses.too_large(self.bounds.body_bytes))
        overhear = OPTIONS_BYTES if target.verb in DELETING else 0
        return Upload(request.body, self.bounds.body_bytes, self.bounds.body_s, overhear)

    def _asked(self, request: FacadeRequest, target: Target | None, id_: str, body: Upload | None) -> TunnelRequest:
        lasting = lasts(target)
        return TunnelRequest(
            id=id_,
            account=request.account,
            method=request.method,
            target=request.target,
            headers=headers.sent(request.headers.items()),
            body=body,
            answer_within_s=self.bounds.lasting_answer_s if lasting else self.bounds.answer_s,
            idle_s=0.0 if lasting else self.bounds.idle_s,
        )

    async def _tell(self, ticket: WriteTicket, done: Written | None, *, dispatched: bool) -> None:
        if done is not None and done.status < 300:
            self.on_write(ticket.account, ticket.target)
        await self.journal.finish(ticket, done, dispatched=dispatched)


def _check_login(answer: TunnelAnswer) -> None:
    """See that the API server let the agent in; raises Refusal."""
    if answer.status == UNAUTHORIZED:
        raise Refusal(statuses.login_refused())


def _written(request: FacadeRequest, target: Target, answer: TunnelAnswer, body: bytes, sent: Upload | None) -> Written:
    found = {name.lower(): value for name, value in answer.headers}
    content = plain(body, found.get("content-encoding", ""), ANSWER_BYTES) if answer.status < 300 else None
    answered = read_answer(content, found.get("content-type", "")) if content else None
    dry_run = sent is not None and asks_dry_run(sent.heard, request.headers.get("content-type", ""))
    if dry_run is None:
        return Written(answer.status)
    return written(target, answer.status, answered, dry_run=dry_run)


def _returned(request: FacadeRequest, answer: TunnelAnswer) -> tuple[Header, ...]:
    """The answer's headers; a redirection within the API server stays within the account's part of the gateway."""
    kept = headers.returned(answer.headers)
    return tuple(
        (name, account_path(request.account) + value)
        if name.lower() == "location" and value.startswith("/")
        else (name, value)
        for name, value in kept
    )
