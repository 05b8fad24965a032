"""Every span, once: where it stands in a trace, what it covers, what it tells. docs/reference/traces.md is made from this table.

The first word of a name is the service. Attributes name accounts, zones, kinds and ids; never an object's body, and errors
stand there by their class or a word of a closed set.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Step(NamedTuple):
    """One span."""

    name: str
    below: str
    """The span that led to it; empty at the beginning of a trace."""
    meaning: str
    attributes: tuple[str, ...] = ()


EVENT: Final = (
    Step(
        "watcher.event", "", "A change of an object, from the moment at which its watch line was read to its delivery.",
        ("account", "kind", "change"),
    ),
    Step("watcher.publish", "watcher.event", "The raw batch with it, until a scrubber answers that it is stored."),
    Step("scrubber.scrub", "watcher.publish", "What the rules and the second check do to that batch."),
    Step("scrubber.publish", "scrubber.scrub", "The clean batch, until the clean log has stored it."),
    Step("bridge.send", "scrubber.publish", "The batch is given to the link.", ("zone",)),
    Step("gateway.receive", "bridge.send", "The batch has come, and is decoded."),
    Step("gateway.commit", "gateway.receive", "The transaction that writes it, with others that waited."),
)  # fmt: skip
OPERATION: Final = (
    Step("gateway.operation", "", "An operation is received; goes on with the trace of its caller, if that is recorded.", ("operation", "account", "kind")),
    Step("gateway.store", "gateway.operation", "It is stored, before anybody is told.", ("operation", "account")),
    Step("gateway.send", "gateway.operation", "One attempt is given to an agent.", ("operation", "account", "attempt")),
    Step(
        "bridge.operation", "gateway.send", "The bridge hands it over, until an executor has accepted it.",
        ("operation", "account", "zone"),
    ),
    Step(
        "executor.operation", "bridge.operation", "An executor carries it out, from its claim to its report.",
        ("operation", "account", "attempt", "kind", "code"),
    ),
    Step("executor.claim", "executor.operation", "A write is claimed, so that it runs once.", ("operation", "account")),
    Step(
        "executor.request", "executor.operation", "One request to the API server, and its answer's code.",
        ("account", "verb", "code"),
    ),
    Step(
        "executor.report", "executor.operation", "The result (or the word that it runs) goes back, until it is stored.",
        ("operation", "account", "stage"),
    ),
    Step("bridge.report", "executor.report", "The bridge asks the gateway to store it.", ("operation", "account", "zone")),
    Step("gateway.report", "bridge.report", "A report has come.", ("operation", "account", "zone")),
    Step("gateway.finish", "gateway.report", "The result is stored.", ("operation", "account", "state")),
)  # fmt: skip
EXCHANGE: Final = (
    Step(
        "gateway.tunnel", "", "A request that a client of an account's Kubernetes API made, until the head of its answer.",
        ("operation", "account"),
    ),
    Step(
        "executor.tunnel", "gateway.tunnel", "The same at the executor, until the answer has been handed on whole.",
        ("operation", "account"),
    ),
)  # fmt: skip
