"""What is to be done about an account in Clouddriver."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fairlead.gateway.core.registration.definition import Roles, Template, define
from fairlead.gateway.core.registration.lifecycle import (
    PAUSE_MAX_S,
    Action,
    Candidate,
    Owner,
    Record,
    State,
    Wanted,
    conflict,
    decide,
    owner_of,
    pause_s,
    unloaded,
)

DEFINITION = define(Template("https://x"), "shop", Roles())
PUT = Record(state=State.ACCEPTED, digest=DEFINITION.digest, server=DEFINITION.server)
DONE = replace(PUT, state=State.REGISTERED, loaded=datetime(2031, 1, 1, tzinfo=UTC))
READY = Candidate("shop", discovered=True, namespaces=True)


@pytest.mark.parametrize(
    ("candidate", "action", "state"),
    [
        (Candidate("shop"), Action.NOTHING, State.WAITING),
        (Candidate("shop", discovered=True), Action.NOTHING, State.WAITING),
        (Candidate("shop", namespaces=True), Action.NOTHING, State.WAITING),
        (READY, Action.PUT, State.WAITING),
        (replace(READY, record=PUT), Action.CONFIRM, State.ACCEPTED),
        (replace(READY, record=DONE), Action.NOTHING, State.REGISTERED),
        (replace(READY, record=replace(DONE, digest="")), Action.PUT, State.REGISTERED),
        (Candidate("shop", record=replace(DONE, digest="other")), Action.PUT, State.REGISTERED),
        (replace(READY, record=replace(DONE, wanted=Wanted.WITHDRAWN)), Action.DELETE, State.WITHDRAWN),
        (replace(READY, record=replace(DONE, wanted=Wanted.REMOVED)), Action.DELETE, State.WITHDRAWN),
        (replace(READY, record=Record(wanted=Wanted.WITHDRAWN)), Action.NOTHING, State.WITHDRAWN),
        (Candidate("shop", claimed=False, record=DONE), Action.DELETE, State.WITHDRAWN),
        (Candidate("shop", claimed=False), Action.NOTHING, State.WITHDRAWN),
    ],
)
def test_decisions(candidate: Candidate, action: Action, state: State) -> None:
    """An account that stood there once stays when documents are missing: it is not taken out for a fault of ours."""
    decision = decide(candidate, DEFINITION, "")
    assert (decision.action, decision.state) == (action, state)
    assert bool(decision.message) == (state is State.WAITING and action is Action.NOTHING)


def test_what_cannot_be_registered_is_taken_out() -> None:
    """It might stand there open to people whom its new permissions shut out."""
    assert decide(READY, None, "bad roles").action is Action.NOTHING
    decision = decide(replace(READY, record=DONE), None, "bad roles")
    assert (decision.action, decision.state, decision.message) == (Action.DELETE, State.REFUSED, "bad roles")


@pytest.mark.parametrize(
    ("record", "seen", "owner"),
    [
        (Record(), {"listed": False, "marked": False, "loaded": False}, Owner.NOBODY),
        (Record(), {"listed": False, "marked": False, "loaded": True}, Owner.OTHERS),
        (Record(), {"listed": True, "marked": False, "loaded": True}, Owner.OTHERS),
        (Record(), {"listed": True, "marked": True, "loaded": False}, Owner.OURS),
        (DONE, {"listed": True, "marked": True, "loaded": True}, Owner.OURS),
        (DONE, {"listed": True, "marked": False, "loaded": True}, Owner.OTHERS),
        (DONE, {"listed": False, "marked": False, "loaded": True}, Owner.OURS),
        (DONE, {"listed": False, "marked": False, "loaded": False}, Owner.OURS),
    ],
)
def test_whose_an_account_is(record: Record, seen: dict[str, bool], owner: Owner) -> None:
    """The mark decides where there is a definition to read, else whether we ever put one."""
    assert owner_of(record, **seen) is owner


def test_messages_say_what_to_do() -> None:
    """Each names the account and a way on."""
    assert "fairlead accounts register shop --adopt" in conflict("shop")
    assert "credentials.poller.enabled" in unloaded("shop")


def test_pauses_grow_to_a_bound() -> None:
    """Doubling from five seconds to ten minutes."""
    assert [pause_s(attempts) for attempts in range(3)] == [5, 10, 20]
    assert pause_s(100) == PAUSE_MAX_S
