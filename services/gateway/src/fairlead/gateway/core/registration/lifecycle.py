"""What becomes of an account in Clouddriver: one decision at a time, from what is wanted and what is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from fairlead.gateway.core.registration.definition import Definition, Roles

PAUSE_S = 5.0
PAUSE_MAX_S = 600.0
CONFIRM_S = 5.0
LATE_S = 120.0
"""A definition that Clouddriver took and did not load in this time needs somebody's attention."""


class Wanted(StrEnum):
    """What is to become of an account in Clouddriver."""

    REGISTERED = "registered"
    WITHDRAWN = "withdrawn"
    """By somebody's decision; until he decides otherwise."""
    REMOVED = "removed"
    """The account goes as a whole, with its rows."""


class State(StrEnum):
    """How an account stands in Clouddriver."""

    WAITING = "waiting"
    """Not usable yet; the message says what is missing."""
    REFUSED = "refused"
    """It cannot be registered as it is; the message says what to do."""
    CONFLICT = "conflict"
    """Clouddriver has an account of this name that is not ours."""
    RETRYING = "retrying"
    """Clouddriver cannot be reached, or failed."""
    ACCEPTED = "accepted"
    """Clouddriver has stored it and not loaded it yet."""
    REGISTERED = "registered"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Record:
    """What the database remembers of an account's registration."""

    wanted: Wanted = Wanted.REGISTERED
    state: State = State.WAITING
    message: str = ""
    since: datetime | None = None
    """Of the state."""
    digest: str = ""
    """Of the definition that was put last; empty: put it (again)."""
    server: str = ""
    """In that definition; empty: nothing of ours is there."""
    adopt: bool = False
    """Somebody decided that an account of others may be overwritten."""
    token_key: str = ""
    token_generation: int = 1
    attempts: int = 0
    """Failures since the last success."""
    put: datetime | None = None
    loaded: datetime | None = None
    by: str = ""
    """Who wanted it so."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account, as far as its registration is concerned."""

    name: str
    claimed: bool = True
    """Whether there is such an account (still)."""
    roles: Roles = field(default_factory=Roles)
    discovered: bool = False
    """Whether its discovery document is stored."""
    namespaces: bool = False
    """Whether its namespaces are known."""
    due: bool = True
    record: Record = field(default_factory=Record)


class Action(StrEnum):
    """What to do next."""

    NOTHING = "nothing"
    PUT = "put"
    CONFIRM = "confirm"
    """Look whether Clouddriver has loaded it."""
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and how the account stands until that is done."""

    action: Action
    state: State
    message: str = ""


def decide(candidate: Candidate, definition: Definition | None, problem: str) -> Decision:
    """Decide about one account.

    Args:
        candidate: the account.
        definition: as it should stand in Clouddriver; None with a problem.
        problem: why it cannot be registered; empty when it can.

    """
    record = candidate.record
    if record.wanted is not Wanted.REGISTERED or not candidate.claimed:
        return Decision(Action.DELETE if record.server else Action.NOTHING, State.WITHDRAWN, record.message)
    if problem or definition is None:
        # Left as it was it might be open to people whom the new permissions were meant to shut out.
        return Decision(Action.DELETE if record.server else Action.NOTHING, State.REFUSED, problem)
    if not record.server and not candidate.discovered:
        return Decision(Action.NOTHING, State.WAITING, "its agent has not told yet what the cluster serves")
    if not record.server and not candidate.namespaces:
        return Decision(
            Action.NOTHING,
            State.WAITING,
            "its namespaces are not mirrored yet; if this stays, add Namespace to the account's kinds and let its agent list"
            " them",
        )
    if record.digest != definition.digest:
        return Decision(Action.PUT, record.state, record.message)
    if record.loaded is None:
        return Decision(Action.CONFIRM, State.ACCEPTED, record.message)
    return Decision(Action.NOTHING, State.REGISTERED)


class Owner(StrEnum):
    """Whose definition Clouddriver holds under a name."""

    NOBODY = "nobody"
    OURS = "ours"
    OTHERS = "others"


def owner_of(record: Record, *, listed: bool, marked: bool, loaded: bool) -> Owner:
    """Tell whose account stands in Clouddriver under a name.

    Args:
        record: what we know of having put it.
        listed: it is among the definitions in Clouddriver's store.
        marked: and that definition points at us.
        loaded: it is among the accounts that Clouddriver has loaded, from wherever.

    A loaded account that is not in the store comes from Clouddriver's configuration files, or Fiat hides it from us; unless
    we put it there once it is not ours.
    """
    if listed:
        return Owner.OURS if marked else Owner.OTHERS
    if loaded and not record.server:
        return Owner.OTHERS
    return Owner.OURS if record.server else Owner.NOBODY


def conflict(name: str) -> str:
    """What to do about an account of others."""
    return (
        f"Clouddriver has an account {name!r} that was not registered from here, and it is left as it is. Remove it there, or"
        f" run `fairlead accounts register {name} --adopt` to replace it"
    )


def unloaded(name: str) -> str:
    """What to do about a definition that is not loaded for long."""
    return (
        f"Clouddriver has stored {name!r} and not loaded it: is the credentials poller on"
        " (credentials.poller.enabled and credentials.poller.types.kubernetes.reloadFrequencyMs)?"
    )


def pause_s(attempts: int) -> float:
    """Pause after so many failures in a row."""
    return float(min(PAUSE_MAX_S, PAUSE_S * 2 ** min(attempts, 16)))
