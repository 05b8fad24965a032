"""Accounts, agents and operations as the REST endpoints of Armory's Scale Agent plug-in show them.

Names of fields: swagger 0.13.20 of that plug-in (ArmoryAgentResponse, KubesvcAccount, OperationHistoryRecord); values: its
troubleshooting page and the published rows of its tables.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fairlead.contracts.operations import Kind
from fairlead.gateway.core.operations import Operation, State
from fairlead.gateway.core.views import AccountView

TYPE = "kubernetes"
DEPLOYS = frozenset({Kind.APPLY, Kind.CREATE, Kind.REPLACE})
OUTCOMES = {State.SUCCEEDED: "completed"}
NO_RESULT = 504
"""Status of an operation to which nobody answered."""

Document = dict[str, Any]


def agent(name: str, gateway: str, accounts: Sequence[str], seen: datetime | None, *, caching: bool) -> Document:
    """One agent (`ArmoryAgentResponse`); the gateway stands where Clouddriver stood."""
    return {
        "accounts": list(accounts),
        "agentId": name,
        "caching": caching,
        "clouddriverAlive": True,
        "clouddriverId": gateway,
        "lastConnection": _instant(seen),
        "type": TYPE,
    }


def account(view: AccountView, connections: int) -> Document:
    """One account (`KubesvcAccount`). Definitions stay with the agents, so they are empty."""
    roles = {"READ": list(view.read_roles), "WRITE": list(view.write_roles), "EXECUTE": list(view.execute_roles)}
    permissions = {name: given for name, given in roles.items() if given}
    properties: Document = {"permissions": permissions} if permissions else {}
    return {
        "name": view.name,
        "certFingerprint": view.cluster.ca_fingerprint,
        "connections": connections,
        "definition": {},
        "definitionAsString": "{}",
        "dynamic": False,
        "errorMessage": "",
        "kubeHost": f"https://{view.cluster.server}" if view.cluster.server else "",
        "kubeVersion": view.server_version,
        "lastUpdated": int(view.claimed.timestamp() * 1000),
        "permissions": permissions,
        "properties": properties,
        "propertiesAsString": json.dumps(properties, separators=(",", ":")),
        "retryCount": 0,
        "status": "ACTIVE" if connections else "ORPHANED",
        "zoneId": view.zone,
    }


def operation(shown: Operation, gateway: str) -> Document:
    """One operation's history (`OperationHistoryRecord`); steps that were not taken are left out."""
    record: Document = {
        "operationId": shown.id,
        "operationType": "Deploy" if shown.kind in DEPLOYS else shown.kind.value[:1].upper() + shown.kind.value[1:],
        "account": shown.account,
        "startTime": _instant(shown.created),
        "opReceivedByClouddriver": {"clouddriverId": gateway, "time": _instant(shown.created)},
    }
    if shown.sent is not None:
        record["opProcessedByClouddriver"] = {"clouddriverId": gateway, "time": _instant(shown.sent)}
        record["opSentToAgent"] = {"agentId": shown.agent, "time": _instant(shown.sent)}
    if shown.finished is not None:
        record |= _ending(shown, shown.finished, gateway)
    return record


def _ending(shown: Operation, finished: datetime, gateway: str) -> Document:
    outcome = shown.outcome
    succeeded = shown.state is State.SUCCEEDED
    ran_ms = max(0, outcome.finished_ms - outcome.started_ms) if outcome is not None else 0
    status = (outcome.code if outcome is not None else 0) or (200 if succeeded else NO_RESULT)
    ending: Document = {
        "endTime": _instant(finished),
        "totalDurationMs": max(0, round((finished - shown.created).total_seconds() * 1000)),
        "finalOutcome": OUTCOMES.get(shown.state, shown.state.value),
    }
    if shown.agent:
        ending["resultReceivedFromAgent"] = {
            "agentId": shown.agent,
            "clouddriverId": gateway,
            "result": {"durationMs": ran_ms, "status": status},
            "time": _instant(finished),
        }
        ending["resultReceivedByClouddriver"] = {"clouddriverId": gateway, "time": _instant(finished)}
    return ending


def _instant(when: datetime | None) -> str:
    """As Java's Instant writes it, to the millisecond; empty when it is not known."""
    if when is None:
        return ""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
