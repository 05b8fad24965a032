"""Telling the gateway in which state each reflector is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fairlead.contracts.identity import Resource
from fairlead.runtime import logfields, metrics
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger
from fairlead.watcher.core.scope import Selection
from fairlead.watcher.errors import AccountRefused, GatewayUnavailable
from fairlead.watcher.ports import Gateway, ResourceState, State

log = get_logger()

REPORT_MAX = 500
"""States in one report."""

_Key = tuple[str, Resource, str]


class StateBoard:
    """The newest state of every reflector; changes are reported, all of an account again with its claim."""

    def __init__(self, gateway: Gateway, now_ms: Callable[[], int]) -> None:
        self._gateway = gateway
        self._now_ms = now_ms
        self._states: dict[_Key, ResourceState] = {}
        self._changed: dict[_Key, None] = {}
        self._news = asyncio.Event()

    def enter(self, account: str, selection: Selection, state: State, message: str = "") -> None:
        """Note that a reflector is in a state now; entering the same state again keeps its beginning."""
        key = (account, selection.resource, selection.namespace)
        before = self._states.get(key)
        if before is not None and (before.state, before.message) == (state, message):
            return
        since_ms = before.since_ms if before is not None and before.state is state else self._now_ms()
        _count(account, before.state if before is not None else None, state)
        self._states[key] = ResourceState(account, selection.resource, selection.namespace, state, since_ms, message)
        self._changed[key] = None
        self._news.set()
        level = log.info if state in (State.LISTING, State.LIVE) else log.warning
        fields = {logfields.ACCOUNT: account, logfields.RESOURCE: selection.resource.name, logfields.STATE: state.value}
        level("state", **fields, **({logfields.REASON: message} if message else {}))

    def forget(self, account: str, selection: Selection) -> None:
        """Stop telling about a reflector that is watched no more."""
        key = (account, selection.resource, selection.namespace)
        left = self._states.pop(key, None)
        _count(account, left.state if left is not None else None, None)
        self._changed.pop(key, None)

    def tell_again(self, account: str) -> None:
        """Report the states of an account once more: the gateway may have marked them stale while the link was away."""
        self._changed.update(dict.fromkeys(key for key in self._states if key[0] == account))
        self._news.set()

    async def run(self) -> None:
        """Report changes until cancelled; what could not be told is told later."""
        backoff = Backoff(base_s=0.5, max_s=15.0)
        while True:
            await self._news.wait()
            self._news.clear()
            while self._changed:
                keys = list(self._changed)[:REPORT_MAX]
                states = [self._states[key] for key in keys]
                for key in keys:
                    del self._changed[key]
                try:
                    await self._gateway.report(states)
                except (GatewayUnavailable, AccountRefused) as error:
                    self._changed = {key: None for key in [*keys, *self._changed] if key in self._states}
                    log.debug("states could not be told", **{logfields.ERROR: chain(error)})
                    await asyncio.sleep(backoff.next_s())
                else:
                    backoff.reset()


def _count(account: str, left: State | None, entered: State | None) -> None:
    """Keep the number of resources in each state."""
    if left is not None:
        metrics.WATCHER_RESOURCES.labels(account, left.value).dec()
    if entered is not None:
        metrics.WATCHER_RESOURCES.labels(account, entered.value).inc()
