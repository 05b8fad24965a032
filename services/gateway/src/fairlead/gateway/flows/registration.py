"""Keeps accounts registered in Clouddriver: puts what changed, looks whether it is still there, takes out what is to go.

It looks whose an account is before it writes, and writes nothing over an account of others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fairlead.gateway.core.registration.definition import Definition, Template, bears_mark, define, differing
from fairlead.gateway.core.registration.lifecycle import (
    CONFIRM_S,
    LATE_S,
    Action,
    Candidate,
    Decision,
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
from fairlead.gateway.core.tokens import matches
from fairlead.gateway.errors import ClouddriverFailed, ClouddriverRefused, ClouddriverUnreachable
from fairlead.gateway.flows.account_tokens import AccountTokens
from fairlead.gateway.ports.registration import Clouddriver, Fiat, RegistrationStore
from fairlead.runtime import logfields, metrics
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.logs import get_logger

log = get_logger()
CONFLICT_S = 60.0
FIAT_S = 45.0
"""Clouddriver's poller takes some 10 s to load an account and Fiat keeps its list of accounts for 30 s; asked before that,
Fiat would not see it."""


@dataclass
class Registrar:
    """Registers the accounts of one database in one Clouddriver.

    Args:
        store: registrations.
        clouddriver: its account API.
        template: what definitions have in common.
        ours: whether this gateway may act still; asked before each account.
        tokens: makes the tokens of definitions; without it definitions name files.
        adopt: patterns of accounts of others that may be overwritten.
        fiat: told of roles of new accounts.
        read_back_s: how often everything is compared with what Clouddriver holds.

    """

    store: RegistrationStore
    clouddriver: Clouddriver
    template: Template
    ours: Callable[[], Awaitable[bool]]
    tokens: AccountTokens | None = None
    adopt: Sequence[str] = ()
    fiat: Fiat | None = None
    read_back_s: float = 300.0
    fiat_s: float = FIAT_S
    clock: Callable[[], float] = time.monotonic
    _read_back_at: float = 0.0
    _held_off: float = 0.0
    _away: str = ""
    _backoff: Backoff = field(default_factory=lambda: Backoff(base_s=2.0, max_s=60.0))
    _fiat_due: dict[str, float] = field(default_factory=dict)

    async def step(self) -> None:
        """Look at every account once and do what is to be done."""
        candidates = await self.store.candidates()
        _count(candidates)
        if self.tokens is not None:
            await self.tokens.refresh()
        shelf = _Shelf(self.clouddriver, [candidate.name for candidate in candidates])
        if self.clock() >= max(self._read_back_at, self._held_off):
            candidates = await self._read_back(candidates, shelf)
        for candidate in candidates:
            if candidate.due and not await self._look_after(candidate, shelf):
                return
        if self.clock() >= self._held_off:
            self._backoff.reset()
            await self._tell_fiat()

    @staticmethod
    def stand_by() -> None:
        """Another gateway tells how accounts stand."""
        _count([])

    def _hold_off(self, error: ClouddriverUnreachable) -> None:
        """Nobody is there: leave everything for a while."""
        delay_s = self._backoff.next_s()
        self._held_off, self._away = self.clock() + delay_s, str(error)
        log.warning("Clouddriver is away", **{logfields.REASON: self._away, logfields.RETRY_S: round(delay_s, 1)})

    # ---- one account

    async def _look_after(self, candidate: Candidate, shelf: _Shelf) -> bool:
        """Do what is to be done for one account; tells whether there is to be a next one."""
        candidate, definition, problem = await self._define(candidate)
        decision = decide(candidate, definition, problem)
        if decision.action is Action.NOTHING:
            await self._settle(candidate, decision.state, decision.message)
            return True
        if not await self.ours():
            return False
        known = candidate
        try:
            if self.clock() >= self._held_off:
                if definition is not None and decision.action is Action.PUT:
                    known = await self._reserved(candidate, definition, shelf)
                await self._act(known, definition, decision, shelf)
                return True
        except ClouddriverRefused as error:
            await self._failed(candidate, error)  # what is refused was not stored
            return True
        except ClouddriverFailed as error:
            await self._failed(known, error)
            return True
        except ClouddriverUnreachable as error:
            self._hold_off(error)
        waits = replace(known.record, state=State.RETRYING, message=self._away)
        await self._save(known, waits, pause=max(0.0, self._held_off - self.clock()))
        return True

    async def _act(
        self, candidate: Candidate, definition: Definition | None, decision: Decision, shelf: _Shelf
    ) -> None:
        if decision.action is Action.DELETE:
            await self._delete(candidate, shelf, decision.state, decision.message)
        elif decision.action is Action.CONFIRM:
            await self._confirm(candidate)
        elif definition is not None and candidate.record.server:
            await self._put(candidate, definition)

    async def _define(self, candidate: Candidate) -> tuple[Candidate, Definition | None, str]:
        """The definition that an account should have, or why it can have none."""
        if candidate.record.wanted is not Wanted.REGISTERED or not candidate.claimed:
            return candidate, None, ""
        problem = candidate.roles.problem()
        if problem:
            return candidate, None, problem
        try:
            self.template.server(candidate.name)
            token = ""
            if self.tokens is not None:
                token, record = await self.tokens.token_for(candidate.name, candidate.record)
                candidate = replace(candidate, record=record)
            return candidate, define(self.template, candidate.name, candidate.roles, token), ""
        except ValueError as error:
            return candidate, None, str(error)

    async def _settle(self, candidate: Candidate, state: State, message: str) -> None:
        record = replace(candidate.record, state=state, message=message, attempts=0)
        if record != candidate.record:
            await self._save(candidate, record)

    async def _reserved(self, candidate: Candidate, definition: Definition, shelf: _Shelf) -> Candidate:
        """Remember a definition before it is there: whatever happens then, it is found and taken out when it has to go.

        Gives the account back without a server where nothing may be put: the name is another's, or somebody wants
        something else by now.
        """
        name, record = candidate.name, candidate.record
        owner = await self._owner(candidate, definition.server, shelf)
        if owner is Owner.OTHERS and not self._adopts(candidate):
            told = replace(record, state=State.CONFLICT, message=conflict(name), server="", loaded=None, put=None)
            await self._save(candidate, told, pause=CONFLICT_S)
            return replace(candidate, record=told)
        if record.server:
            return candidate
        reserved = replace(record, server=definition.server)
        return replace(candidate, record=reserved) if await self._save(candidate, reserved) else candidate

    async def _put(self, candidate: Candidate, definition: Definition) -> None:
        await self.clouddriver.put(definition)
        now = datetime.now(UTC)
        written = replace(
            candidate.record, state=State.ACCEPTED, message="", digest=definition.digest, server=definition.server,
            attempts=0, put=now, loaded=None)  # fmt: skip
        await self._save(candidate, written)
        log.info("account put into Clouddriver", **{logfields.ACCOUNT: candidate.name})

    async def _delete(self, candidate: Candidate, shelf: _Shelf, state: State, message: str) -> None:
        """Take our definition out; one that is not ours (any more) stays."""
        if await self._owner(candidate, candidate.record.server, shelf) is Owner.OURS:
            await self.clouddriver.delete(candidate.name)
            log.info("account taken out of Clouddriver", **{logfields.ACCOUNT: candidate.name})
        gone = replace(candidate.record, digest="", server="", put=None, loaded=None, attempts=0)
        await self._save(candidate, replace(gone, state=state, message=message))

    async def _confirm(self, candidate: Candidate) -> None:
        record = candidate.record
        now = datetime.now(UTC)
        if await self.clouddriver.loaded(candidate.name):
            await self._save(candidate, replace(record, state=State.REGISTERED, message="", loaded=now, attempts=0))
            if candidate.roles.all():
                self._fiat_due |= dict.fromkeys(candidate.roles.all(), self.clock() + self.fiat_s)
            return
        late = record.put is not None and now - record.put > timedelta(seconds=LATE_S)
        message = unloaded(candidate.name) if late else ""
        await self._save(candidate, replace(record, state=State.ACCEPTED, message=message), pause=CONFIRM_S)

    async def _failed(self, candidate: Candidate, error: Exception) -> None:
        record = candidate.record
        pause = pause_s(record.attempts)
        state = State.REFUSED if isinstance(error, ClouddriverRefused) else State.RETRYING
        log.warning("an account cannot be registered", **{
            logfields.ACCOUNT: candidate.name, logfields.REASON: str(error), logfields.RETRY_S: pause})  # fmt: skip
        told = replace(record, state=state, message=str(error), attempts=record.attempts + 1)
        await self._save(candidate, told, pause=pause)

    async def _save(self, candidate: Candidate, record: Record, pause: float = 0.0) -> bool:
        """Remember how an account stands; False when somebody wants something else by now."""
        if record.state is not candidate.record.state:
            log.info("registration", **{
                logfields.ACCOUNT: candidate.name, logfields.STATE: record.state.value,
                logfields.REASON: record.message})  # fmt: skip
        return await self.store.save(candidate.name, record, wanted=candidate.record.wanted, pause_s=pause)

    async def _owner(self, candidate: Candidate, server: str, shelf: _Shelf) -> Owner:
        theirs = await shelf.find(candidate.name)
        if theirs is not None:
            marked = bears_mark(theirs, server, candidate.record.server)
            return owner_of(candidate.record, listed=True, marked=marked, loaded=True)
        loaded = not candidate.record.server and await self.clouddriver.loaded(candidate.name)
        return owner_of(candidate.record, listed=False, marked=False, loaded=loaded)

    def _adopts(self, candidate: Candidate) -> bool:
        return candidate.record.adopt or any(matches(pattern, candidate.name) for pattern in self.adopt)

    # ---- all of them

    async def _read_back(self, candidates: Sequence[Candidate], shelf: _Shelf) -> list[Candidate]:
        """Find definitions of ours that are missing in Clouddriver or not as they were put: those are put again."""
        self._read_back_at = self.clock() + self.read_back_s
        try:
            return [await self._compared(candidate, shelf) for candidate in candidates]
        except ClouddriverUnreachable as error:
            self._hold_off(error)
        except (ClouddriverFailed, ClouddriverRefused) as error:
            log.warning("registrations cannot be read back", **{logfields.REASON: str(error)})
        return list(candidates)

    async def _compared(self, candidate: Candidate, shelf: _Shelf) -> Candidate:
        candidate, definition, _ = await self._define(candidate)
        if definition is None or candidate.record.digest != definition.digest:
            return candidate
        theirs = await shelf.find(candidate.name)
        changed = ["missing"] if theirs is None else differing(definition, theirs)
        if not changed:
            return candidate
        log.warning("a registration is not as it was put", **{
            logfields.ACCOUNT: candidate.name, logfields.REASON: ", ".join(changed)})  # fmt: skip
        return replace(candidate, due=True, record=replace(candidate.record, digest=""))

    async def _tell_fiat(self) -> None:
        now = self.clock()
        roles = sorted(role for role, due in self._fiat_due.items() if due <= now)
        if not roles or self.fiat is None:
            return
        try:
            await self.fiat.sync_roles(roles)
        except (ClouddriverFailed, ClouddriverRefused, ClouddriverUnreachable) as error:
            log.warning("Fiat does not sync", **{logfields.REASON: str(error), logfields.RETRY_S: self.fiat_s})
            self._fiat_due |= dict.fromkeys(roles, now + self.fiat_s)
        else:
            for role in roles:
                del self._fiat_due[role]


@dataclass
class _Shelf:
    """What Clouddriver's store holds of our names: read once a step, when somebody asks."""

    clouddriver: Clouddriver
    names: Sequence[str]
    _found: Mapping[str, Mapping[str, Any]] | None = None

    async def find(self, name: str) -> Mapping[str, Any] | None:
        if self._found is None:
            self._found = await self.clouddriver.definitions(self.names)
        return self._found.get(name)


def _count(candidates: Sequence[Candidate]) -> None:
    states = Counter(candidate.record.state for candidate in candidates)
    for state in State:
        metrics.REGISTRATIONS.labels(state=state.value).set(states[state])
