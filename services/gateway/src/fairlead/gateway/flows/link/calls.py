"""Control frames of an agent that want an answer: what each asks, and what it is told when that cannot be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from fairlead.contracts.identity import ObjectKey
from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.core.claims import (
    AccountClaim,
    ClaimOutcome,
    ClaimReason,
    ClusterIdentity,
)
from fairlead.gateway.core.inventory import StoredVersion
from fairlead.gateway.core.sessions import Opened, OpenRequest
from fairlead.gateway.core.states import StateReport
from fairlead.gateway.core.tokens import Grant
from fairlead.gateway.errors import AccountRefused, NotGranted, SessionClosed, UnknownAccount
from fairlead.gateway.flows.link import messages
from fairlead.runtime import logfields, tracing
from fairlead.runtime.errors import PermanentError, TransientError, chain
from fairlead.runtime.logs import get_logger

log = get_logger()
RETRY_MS = 1000


class Observed(Protocol):
    """What calls need of observation."""

    async def claim_account(self, claim: AccountClaim, zone: str, agent: str) -> ClaimOutcome:
        """Bind an account to a cluster, or refuse."""
        ...

    async def open_session(self, request: OpenRequest) -> Opened:
        """Make a fresh session the only writer of a reflector."""
        ...

    async def stored_versions(self, session: str, after: ObjectKey | None) -> tuple[list[StoredVersion], bool]:
        """A page of what is stored."""
        ...

    async def record_states(self, reports: Sequence[StateReport]) -> None:
        """Take over what watchers say."""
        ...


class Reports(Protocol):
    """What calls need of operations."""

    async def report(self, report: pb.OperationReport) -> None:
        """Take a report; returns when what it says stands in the database."""
        ...


class NotClaimed(TransientError):
    """The account was not claimed on this connection."""


@dataclass
class Calls:
    """Answers the calls of one connection."""

    hello: pb.Hello
    grant: Grant
    observed: Observed
    reports: Reports
    on_claim: Callable[[str], Awaitable[None]]
    """Told each account that was granted."""
    on_session: Callable[[str], None]
    """Told each session that was opened."""
    clusters: dict[str, ClusterIdentity] = field(default_factory=dict)
    """Accounts that this connection holds."""

    async def answer(self, frame: pb.AgentFrame) -> pb.GatewayFrame:
        """Answer one call; failures are answers too."""
        kind = frame.WhichOneof("body")
        try:
            answer = await self._answered(kind, frame)
        except TransientError as error:
            after_ms = int((error.retry_after_s or RETRY_MS / 1000) * 1000)
            answer = messages.failed(pb.CallFailed.CODE_UNAVAILABLE, str(error), retry_after_ms=after_ms)
            log.info("a call has to wait", **{logfields.KIND: kind, logfields.REASON: chain(error)})
        except (NotGranted, AccountRefused) as error:
            answer = messages.failed(pb.CallFailed.CODE_REFUSED, str(error))
        except SessionClosed as error:
            answer = messages.failed(pb.CallFailed.CODE_SESSION_CLOSED, str(error))
        except PermanentError as error:
            answer = messages.failed(pb.CallFailed.CODE_INVALID, str(error))
        answer.call = frame.call
        return answer

    async def _answered(self, kind: str | None, frame: pb.AgentFrame) -> pb.GatewayFrame:
        match kind:
            case "claim_accounts":
                return await self._claim(frame.claim_accounts)
            case "open_session":
                return await self._open_session(frame.open_session)
            case "stored_versions_request":
                request = frame.stored_versions_request
                versions, last = await self.observed.stored_versions(request.session, messages.after(request))
                return messages.versions_page(versions, last=last)
            case "resource_states":
                await self._record_states(frame.resource_states)
                return messages.done()
            case "operation_report":
                report = frame.operation_report
                self._must_allow(report.account)
                zone, account = self.hello.zone_id, report.account
                with tracing.span("gateway.report", frame.traceparent, operation=report.id, account=account, zone=zone):
                    await self.reports.report(report)
                return messages.done()
            case _:
                raise PermanentError("this gateway does not know the call; upgrade it")

    async def _claim(self, request: pb.ClaimAccounts) -> pb.GatewayFrame:
        verdicts = [await self._claim_one(account) for account in request.accounts]
        return pb.GatewayFrame(claim_verdicts=pb.ClaimVerdicts(verdicts=verdicts))

    async def _claim_one(self, message: pb.AccountClaim) -> pb.ClaimVerdict:
        claim = messages.claim(message, mode=self.hello.mode)
        outcome = await self._judge(claim)
        if outcome.granted:
            self.clusters[claim.name] = claim.cluster
            await self.on_claim(claim.name)
        else:
            log.warning("an account claim is refused", **{
                logfields.ACCOUNT: claim.name, logfields.AGENT: self.hello.agent_id,
                logfields.REASON: outcome.reason})  # fmt: skip
        return pb.ClaimVerdict(name=claim.name, granted=outcome.granted, reason=outcome.reason, message=outcome.message)

    async def _judge(self, claim: AccountClaim) -> ClaimOutcome:
        if not claim.name or not self.grant.allows(claim.name):
            message = (
                f"the credential {self.grant.name!r} of agent {self.hello.agent_id} is not granted account {claim.name!r};"
                " grant it one that covers the account (POST /v1/tokens, gateway.credentials[].accounts), or rename it"
            )
            return ClaimOutcome(granted=False, reason=ClaimReason.NOT_GRANTED, message=message)
        return await self.observed.claim_account(claim, self.hello.zone_id, self.hello.agent_id)

    async def _open_session(self, message: pb.OpenSession) -> pb.GatewayFrame:
        self._must_allow(message.account)
        cluster = self.clusters.get(message.account)
        if cluster is None:
            raise NotClaimed(f"account {message.account!r} is not claimed on this connection; claim it first")
        try:
            opened = await self.observed.open_session(messages.open_request(message, cluster))
        except UnknownAccount:
            self.clusters.pop(message.account, None)
            raise NotClaimed(f"account {message.account!r} has been removed; claim it again") from None
        self.on_session(opened.session)
        return messages.session_opened(opened)

    async def _record_states(self, request: pb.ResourceStates) -> None:
        now = datetime.now(UTC)
        reports = [
            report
            for message in request.states
            if message.account in self.clusters and (report := messages.state_report(message, now)) is not None
        ]
        if not reports and request.states:
            raise NotClaimed("none of these accounts is claimed on this connection; claim them first")
        if reports:
            await self.observed.record_states(reports)

    def _must_allow(self, account: str) -> None:
        if not self.grant.allows(account):
            raise NotGranted(f"the credential {self.grant.name!r} is not granted account {account!r}")
