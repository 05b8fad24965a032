"""Answers to an agent's calls."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.gateway_doubles import RememberingMirror

from fairlead.contracts.v1 import link_pb2 as pb
from fairlead.gateway.core.claims import ClaimOutcome
from fairlead.gateway.core.tokens import Grant, Kind
from fairlead.gateway.errors import AccountRefused, DatabaseUnavailable, SessionClosed, UnknownAccount
from fairlead.gateway.flows.link.calls import Calls
from fairlead.runtime.errors import PermanentError, TransientError

PODS = pb.Resource(group="", version="v1", plural="pods", kind="Pod", namespaced=True)
Failed = pb.CallFailed


class RefusingReports:
    """Reports that end with the error that the test names."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.taken: list[pb.OperationReport] = []

    async def report(self, report: pb.OperationReport) -> None:
        """Take a report, or fail."""
        if self.error is not None:
            raise self.error
        self.taken.append(report)


class Desk:
    """Calls with doubles behind them."""

    def __init__(self) -> None:
        self.mirror, self.reports = RememberingMirror(), RefusingReports()
        self.claimed: list[str] = []
        self.sessions: list[str] = []
        grant = Grant("token", Kind.AGENT, ("shop*",))
        hello = pb.Hello(agent_id="agent-0", zone_id="zone")
        self.calls = Calls(hello, grant, self.mirror, self.reports, self._claimed, self.sessions.append)

    async def _claimed(self, account: str) -> None:
        self.claimed.append(account)

    async def ask(self, **body: Any) -> pb.GatewayFrame:
        """Make a call."""
        answer = await self.calls.answer(pb.AgentFrame(call=7, **body))
        assert answer.call == 7
        return answer

    async def claim(self, *names: str) -> list[pb.ClaimVerdict]:
        """Claim accounts."""
        accounts = [pb.AccountClaim(name=name, cluster=pb.ClusterIdentity(uid="u")) for name in names]
        answer = await self.ask(claim_accounts=pb.ClaimAccounts(accounts=accounts))
        return list(answer.claim_verdicts.verdicts)

    async def open(self, account: str = "shop") -> pb.GatewayFrame:
        """Open a session."""
        return await self.ask(open_session=pb.OpenSession(account=account, resource=PODS, scope="x"))


async def test_claims() -> None:
    """A claim needs the credential and the mirror; what is granted is told to whoever routes operations."""
    desk = Desk()
    verdicts = await desk.claim("shop", "other", "")
    assert [(verdict.granted, verdict.reason) for verdict in verdicts] == [
        (True, ""), (False, "not-granted"), (False, "not-granted"),
    ]  # fmt: skip
    assert desk.claimed == ["shop"]
    desk.mirror.outcome = ClaimOutcome(granted=False, reason="claimed-by-another-cluster", message="rename one")
    (verdict,) = await desk.claim("shop-2")
    assert (verdict.granted, verdict.message) == (False, "rename one")
    assert desk.claimed == ["shop"]


async def test_sessions_need_a_claim_on_this_connection() -> None:
    """A session opens for a claimed account, under the cluster that was claimed; else it has to wait for the claim."""
    desk = Desk()
    assert (await desk.open()).call_failed.code == Failed.CODE_UNAVAILABLE
    assert (await desk.open("other")).call_failed.code == Failed.CODE_REFUSED
    await desk.claim("shop")
    assert (await desk.open()).session_opened.session == "session-1"
    assert desk.mirror.opened[0].cluster.uid == "u"
    assert desk.sessions == ["session-1"]


async def test_a_removed_account_has_to_be_claimed_again() -> None:
    """An account that the mirror no longer knows is claimed anew, not refused for ever."""
    desk = Desk()
    await desk.claim("shop")
    desk.mirror.error = UnknownAccount("gone")
    answer = (await desk.open()).call_failed
    assert (answer.code, answer.retry_after_ms > 0) == (Failed.CODE_UNAVAILABLE, True)
    assert not desk.calls.clusters


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DatabaseUnavailable("away"), Failed.CODE_UNAVAILABLE),
        (AccountRefused("refused"), Failed.CODE_REFUSED),
        (SessionClosed("closed"), Failed.CODE_SESSION_CLOSED),
        (PermanentError("odd"), Failed.CODE_INVALID),
    ],
)
async def test_failures_are_answers(error: Exception, code: Failed.Code) -> None:
    """Each failure is answered by what the agent should do about it."""
    desk = Desk()
    desk.mirror.error = error
    answer = await desk.ask(stored_versions_request=pb.StoredVersionsRequest(session="s"))
    assert (answer.call_failed.code, answer.call_failed.message) == (code, str(error))


async def test_stored_versions() -> None:
    """A page tells identity, version and whether it is the last one."""
    desk = Desk()
    request = pb.StoredVersionsRequest(session="s", resumed=True, after_name="a")
    page = (await desk.ask(stored_versions_request=request)).stored_versions_page
    assert page.last
    assert (page.versions[0].name, page.versions[0].version) == ("web", str(2**70))


async def test_states_of_claimed_accounts_only() -> None:
    """States are taken of accounts that this connection holds."""
    desk = Desk()
    states = [
        pb.ResourceState(account=name, resource=PODS, state=pb.ResourceState.STATE_LIVE) for name in ("shop", "shop-2")
    ]
    assert (await desk.ask(resource_states=pb.ResourceStates(states=states))).HasField("call_failed")
    await desk.claim("shop")
    assert (await desk.ask(resource_states=pb.ResourceStates(states=states))).HasField("done")
    assert [report.account for report in desk.mirror.states] == ["shop"]


async def test_reports() -> None:
    """A report is done once it stands; one of a foreign account is refused; a retry time is passed on."""
    desk = Desk()
    assert (await desk.ask(operation_report=pb.OperationReport(account="shop"))).HasField("done")
    answer = await desk.ask(operation_report=pb.OperationReport(account="other"))
    assert answer.call_failed.code == Failed.CODE_REFUSED
    desk.reports.error = TransientError("later", retry_after_s=3)
    answer = await desk.ask(operation_report=pb.OperationReport(account="shop"))
    assert answer.call_failed.retry_after_ms == 3000
    assert len(desk.reports.taken) == 1


async def test_a_call_of_a_newer_release() -> None:
    """A body that this release does not know is told to be one."""
    assert (await Desk().ask()).call_failed.code == Failed.CODE_INVALID
