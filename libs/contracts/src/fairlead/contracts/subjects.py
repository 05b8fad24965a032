"""Every subject on the bus: who publishes, who consumes, which message.

docs/reference/subjects.md and the users and permissions of nats-server are made from this table, so what it says holds at
run time: only the scrubber can publish clean batches, only the bridge can read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

RAW_BATCH = "fairlead.raw.batch"
SCRUB_RULES = "fairlead.raw.rules"
CLEAN_BATCH = "fairlead.clean.batch"
CALL_CLAIM = "fairlead.call.claim"
CALL_SESSION = "fairlead.call.session"
CALL_VERSIONS = "fairlead.call.versions"
CALL_STATES = "fairlead.call.states"
CALL_DOCUMENT = "fairlead.call.document"
CALL_REPORT = "fairlead.call.report"
NOTICE = "fairlead.notice"
OPERATION = "fairlead.operation"
EXECUTOR = "fairlead.executor"
CANCEL = "fairlead.cancel"
TUNNEL = "fairlead.tunnel"
TUNNELS_DOWN = "fairlead.tunnels.down"
TUNNELS_UP = "fairlead.tunnels.up"

SCRUBBER_GROUP = "scrubber"
BRIDGE_GROUP = "bridge"
EXECUTOR_GROUP = "executor"

TRACEPARENT = "traceparent"
"""Header of a clean batch that holds a sampled event: its trace, for the bridge, which reads no batch (W3C Trace Context)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One row of the table; ``pattern`` is the subject as permissions spell it."""

    pattern: str
    publishers: tuple[str, ...]
    consumers: tuple[str, ...]
    message: str
    reply: str
    limit: str
    group: str = ""
    """Queue group that shares the subject, empty when every subscriber gets every message."""


SUBJECTS: tuple[Subject, ...] = (
    Subject(RAW_BATCH, ("watcher",), ("scrubber",), "envelope batch, unscrubbed", "scrub reply (`scrubbing`)",
            "never stored; 256 events, 512 KiB unless one object is larger", SCRUBBER_GROUP),
    Subject(SCRUB_RULES, ("watcher",), ("scrubber",), "empty", "scrub reply (`scrubbing`)", "one at start", SCRUBBER_GROUP),
    Subject(CLEAN_BATCH, ("scrubber",), ("bridge",), "envelope batch, scrubbed", "JetStream ack",
            "stream `fairlead-clean`; its byte limit refuses, and the scrubber answers busy"),
    Subject(CALL_CLAIM, ("watcher",), ("bridge",), "AgentFrame.claim_accounts", "GatewayFrame.claim_verdicts", "10 s", BRIDGE_GROUP),
    Subject(CALL_SESSION, ("watcher",), ("bridge",), "AgentFrame.open_session", "GatewayFrame.session_opened", "10 s", BRIDGE_GROUP),
    Subject(CALL_VERSIONS, ("watcher",), ("bridge",), "AgentFrame.stored_versions_request",
            "GatewayFrame.stored_versions_page", "pages of 512 KiB", BRIDGE_GROUP),
    Subject(CALL_STATES, ("watcher",), ("bridge",), "AgentFrame.resource_states", "GatewayFrame.done", "10 s", BRIDGE_GROUP),
    Subject(CALL_DOCUMENT, ("watcher",), ("bridge",), "AgentFrame.document", "GatewayFrame.done", "chunks of 512 KiB", BRIDGE_GROUP),
    Subject(CALL_REPORT, ("executor",), ("bridge",), "AgentFrame.operation_report", "GatewayFrame.done",
            "bodies in chunks of 512 KiB, one under way at a time", BRIDGE_GROUP),
    Subject(NOTICE, ("bridge",), ("watcher",), "GatewayFrame.session_closed, .repair_request or .link_state", "",
            "a hint; losing one is healed by the protocol"),
    Subject(f"{OPERATION}.*", ("bridge",), ("executor",), "GatewayFrame.operation, whole request", "empty: taken",
            "one subject an account; no responder means no executor", EXECUTOR_GROUP),
    Subject(f"{EXECUTOR}.*", ("executor",), ("executor",), "operation id and run", "`running`, `untouched` or `unknown`",
            "one subject an executor: no responder means that it died"),
    Subject(CANCEL, ("bridge",), ("executor",), "GatewayFrame.cancel_operation", "", "a hint"),
    Subject(f"{TUNNEL}.*", ("bridge",), ("executor",), "empty: who carries an exchange?", "id of an executor; empty: no room",
            "one subject an account; no responder means no executor", EXECUTOR_GROUP),
    Subject(f"{TUNNELS_DOWN}.*", ("bridge",), ("executor",),
            "GatewayFrame.tunnel_open, .tunnel_data, .tunnel_credit, .tunnel_end or .tunnel_lease", "empty, to a lease",
            "one subject an executor: no responder means that it died; bodies by credit"),
    Subject(f"{TUNNELS_UP}.*", ("executor",), ("bridge",), "AgentFrame.tunnel_head, .tunnel_data, .tunnel_credit or .tunnel_end", "",
            "one subject a bridge; bodies by credit"),
)  # fmt: skip


def account_token(account: str) -> str:
    """The subject token of an account: its name when that is a plain token, else a digest of it.

    Account names may hold dots, blanks and wildcards, which mean something to nats-server.
    """
    if account and all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in account):
        return account
    return "~" + sha256(account.encode()).hexdigest()[:32]


def operation_subject(account: str) -> str:
    """The subject on which executors of an account take operations."""
    return f"{OPERATION}.{account_token(account)}"


def tunnel_subject(account: str) -> str:
    """The subject on which executors of an account offer to carry HTTP exchanges."""
    return f"{TUNNEL}.{account_token(account)}"


def tunnels_down_subject(executor_id: str) -> str:
    """The subject on which one executor hears of its tunnels."""
    return f"{TUNNELS_DOWN}.{account_token(executor_id)}"


def tunnels_up_subject(bridge_id: str) -> str:
    """The subject on which one bridge hears of its tunnels."""
    return f"{TUNNELS_UP}.{account_token(bridge_id)}"


def executor_subject(executor_id: str) -> str:
    """The subject on which one executor answers for the operations that it has claimed."""
    return f"{EXECUTOR}.{account_token(executor_id)}"
