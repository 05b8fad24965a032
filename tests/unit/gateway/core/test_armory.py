"""Armory's shapes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from fairlead.contracts.operations import Kind
from fairlead.gateway.core import armory
from fairlead.gateway.core.claims import ClusterIdentity
from fairlead.gateway.core.operations import Operation, Outcome, State, Subject
from fairlead.gateway.core.views import AccountView

NOW = datetime(2022, 6, 6, 0, 14, 51, 122_000, tzinfo=UTC)
VIEW = AccountView(
    "shop", ClusterIdentity("u", "1ca4.eks.amazonaws.com", "d8:f2"), "agent", "zone-1", "agent-0", "v1.34.0", (), ("ops",), (),
    NOW)  # fmt: skip
OPERATION = Operation(
    "01G4V5TH5QSWSR2SZE2VH1SDME", "shop", Kind.APPLY, State.PENDING, "ann", Subject(), NOW, NOW + timedelta(minutes=1))  # fmt: skip


def test_an_agent() -> None:
    """Every field that its schema requires, and the instant as Java writes it."""
    east = timezone(timedelta(hours=2))
    shown = armory.agent("agent-0", "gateway-1", ["shop"], NOW.astimezone(east), caching=True)
    assert shown == {
        "accounts": ["shop"], "agentId": "agent-0", "caching": True, "clouddriverAlive": True, "clouddriverId": "gateway-1",
        "lastConnection": "2022-06-06T00:14:51.122Z", "type": "kubernetes",
    }  # fmt: skip
    assert armory.agent("a", "g", [], None, caching=False)["lastConnection"] == ""


def test_an_account() -> None:
    """Connected it is ACTIVE, else ORPHANED; permissions are in three places."""
    shown = armory.account(VIEW, 2)
    assert {
        "connections",
        "definition",
        "definitionAsString",
        "name",
        "permissions",
        "properties",
        "propertiesAsString",
    } <= set(shown)
    assert (shown["status"], shown["connections"], shown["zoneId"]) == ("ACTIVE", 2, "zone-1")
    assert shown["propertiesAsString"] == '{"permissions":{"READ":["ops"]}}'
    assert (shown["kubeHost"], shown["kubeVersion"]) == ("https://1ca4.eks.amazonaws.com", "v1.34.0")
    assert shown["lastUpdated"] == 1654474491122
    assert armory.account(VIEW, 0)["status"] == "ORPHANED"
    assert armory.account(replace(VIEW, read_roles=()), 0)["properties"] == {}


def test_an_operation_under_way() -> None:
    """Only the steps that were taken."""
    shown = armory.operation(OPERATION, "g")
    assert (shown["operationId"], shown["operationType"], shown["account"]) == (OPERATION.id, "Deploy", "shop")
    assert shown["opReceivedByClouddriver"] == {"clouddriverId": "g", "time": "2022-06-06T00:14:51.122Z"}
    assert not {"opSentToAgent", "endTime", "finalOutcome", "resultReceivedFromAgent"} & set(shown)


def test_an_operation_that_ended() -> None:
    """How it ended, how long it took, and the API server's status; without one, what stands for it."""
    outcome = Outcome(State.SUCCEEDED, started_ms=1000, finished_ms=1014)
    ended = replace(
        OPERATION, state=State.SUCCEEDED, agent="agent-0", sent=NOW, finished=NOW + timedelta(milliseconds=167), outcome=outcome)  # fmt: skip
    shown = armory.operation(ended, "g")
    assert (shown["finalOutcome"], shown["totalDurationMs"]) == ("completed", 167)
    assert shown["resultReceivedFromAgent"]["result"] == {"durationMs": 14, "status": 200}
    refused = replace(
        ended, kind=Kind.DELETE, state=State.FAILED, outcome=replace(outcome, state=State.FAILED, code=403)
    )
    shown = armory.operation(refused, "g")
    assert (shown["operationType"], shown["finalOutcome"]) == ("Delete", "failed")
    assert shown["resultReceivedFromAgent"]["result"]["status"] == 403
    expired = replace(OPERATION, state=State.EXPIRED, finished=NOW, outcome=None)
    shown = armory.operation(expired, "g")
    assert (shown["finalOutcome"], "resultReceivedFromAgent" in shown) == ("expired", False)
