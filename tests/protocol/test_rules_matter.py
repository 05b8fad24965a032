"""Each rule is needed: without it some run violates an invariant. So the runs can fail, and for the right reasons."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.protocol.runs import make, play
from tests.support import mirror_store

from fairlead.contracts.envelope import Event
from fairlead.gateway.core import commits, guard, sessions
from fairlead.watcher.core.outbox import Outbox
from fairlead.watcher.core.session import Observed, Session

SEEDS_MAX = 12000

Break = Callable[[pytest.MonkeyPatch], None]


def coalesce_to_newest(patch: pytest.MonkeyPatch) -> None:
    """Rule 4: the checkpoint stays below the oldest skipped version."""
    put = Outbox.put

    def broken(self: Outbox, event: Event, since: int) -> None:
        put(self, event, since)
        waiting = self._pending[event.key]
        waiting.since = max(waiting.since, since)
        self._pending.move_to_end(event.key)

    patch.setattr(Outbox, "put", broken)


def believe_checkpoints_at_once(patch: pytest.MonkeyPatch) -> None:
    """Rule 4: a checkpoint counts when all parts before it are committed."""

    def broken(state: sessions.SessionState, number: int, checkpoint: int | None) -> bool:
        state.ahead[number] = checkpoint
        while state.prefix + 1 in state.ahead:
            state.prefix += 1
            del state.ahead[state.prefix]
        if checkpoint is not None and (state.checkpoint is None or checkpoint >= state.checkpoint):
            state.checkpoint = checkpoint
            return True
        return False

    patch.setattr(sessions, "record", broken)


def apply_duplicates(patch: pytest.MonkeyPatch) -> None:
    """Rule 3: a part is applied once."""
    patch.setattr(sessions, "is_new", lambda *_: True)


def let_everyone_write(patch: pytest.MonkeyPatch) -> None:
    """Rule 2: only the current session writes."""
    admit = commits.Ledger.admit

    def broken(self: commits.Ledger, source: Any, number: int) -> Any:
        admitted = admit(self, source, number)
        if admitted is None and self.reflectors and source.session in self.result.closed:
            return next(iter(self.reflectors.values()))
        return admitted

    patch.setattr(commits.Ledger, "admit", broken)


def forget_tombstones_by_time(patch: pytest.MonkeyPatch) -> None:
    """Rule 7: a tombstone stays until the checkpoint has passed it."""
    patch.setattr(mirror_store, "may_forget", lambda *_, **__: True)


def write_whatever_comes(patch: pytest.MonkeyPatch) -> None:
    """Rule 6: the newer version wins."""
    patch.setattr(mirror_store, "supersedes", lambda *_: True)
    patch.setattr(guard, "supersedes", lambda *_: True)


def believe_every_fetch(patch: pytest.MonkeyPatch) -> None:
    """Rule 11: a fetched object counts only while the watch agrees."""
    fetched = Session.fetched

    def broken(self: Session, state: Observed) -> bool:
        self._map[state.key] = (state.uid, state.version)
        return fetched(self, state)

    patch.setattr(Session, "fetched", broken)


def never_look_whether_versions_run_back(patch: pytest.MonkeyPatch) -> None:
    """Rule 9: a restored cluster begins a new epoch."""
    patch.setattr(Session, "probe", lambda *_: None)


def tell_inventories_from_the_gateways_rows(patch: pytest.MonkeyPatch) -> None:
    """Rule 10: a map that the gateway's own rows filled would confirm their holes."""
    resume = Session.resume

    def broken(self: Session) -> None:
        resume(self)
        self.complete = True

    patch.setattr(Session, "resume", broken)


def ask_for_what_may_be_under_way(patch: pytest.MonkeyPatch) -> None:
    """Rule 10: tell unsent objects with their version."""
    patch.setattr(Outbox, "__contains__", lambda _self, _key: False)
    patch.setattr(mirror_store, "may_ask", lambda *_: False)


RULES: list[Break] = [
    coalesce_to_newest,
    believe_checkpoints_at_once,
    let_everyone_write,
    forget_tombstones_by_time,
    write_whatever_comes,
    never_look_whether_versions_run_back,
    tell_inventories_from_the_gateways_rows,
    ask_for_what_may_be_under_way,
    apply_duplicates,
    believe_every_fetch,
]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("broken", RULES, ids=lambda rule: rule.__name__)
def test_without_a_rule_some_run_fails(broken: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken rule is found within a bounded number of seeds."""
    broken(monkeypatch)

    assert any(asyncio.run(outcome(seed)) for seed in range(SEEDS_MAX)), f"{broken.__name__} was not noticed"


async def outcome(seed: int) -> str | None:
    """What a run violates; a broken rule may also end in an error."""
    try:
        violated, _ = await play(make(seed, 160), seed)
    except (AssertionError, KeyError, IndexError) as error:
        return repr(error)
    return violated
