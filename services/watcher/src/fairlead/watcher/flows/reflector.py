"""Following one resource of one cluster, for ever: open a session, list or resume, watch, repair."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import NoReturn

from fairlead.contracts.envelope import Source
from fairlead.contracts.identity import ObjectKey
from fairlead.runtime import logfields
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger
from fairlead.watcher.core.batching import Stream
from fairlead.watcher.core.scope import Selection
from fairlead.watcher.core.session import Observed, Opened, Phase, Session, VersionsRanBackwards
from fairlead.watcher.errors import (
    CLUSTER_FAILURES,
    AccessRefused,
    AccountRefused,
    ClusterUnavailable,
    GatewayUnavailable,
    ResourceGone,
    SessionClosed,
    StreamingListUnsupported,
    VersionForgotten,
)
from fairlead.watcher.flows.figures import Figures
from fairlead.watcher.flows.hop import RawHop
from fairlead.watcher.flows.pace import Budget, Pace, wait
from fairlead.watcher.flows.states import StateBoard
from fairlead.watcher.ports import Cluster, Gateway, Item, Seen, State

log = get_logger()

SETTLED_S = 10.0
"""A session that lived so long was a good one; sessions that end sooner follow each other more and more slowly."""
REPAIR_FETCH_MAX = 200
"""A repair of more objects than this lists instead."""


class SessionOver(Exception):
    """This session is done with; the next one begins at once."""

    def __init__(self, reason: str, *, list_anew: bool = False, ended_epoch: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.list_anew = list_anew
        self.ended_epoch = ended_epoch


@dataclass
class Reflector:
    """Follows one selection of one account; `run` never ends by itself."""

    account: str
    cluster_identity: str
    selection: Selection
    cluster: Cluster
    gateway: Gateway
    hop: RawHop
    states: StateBoard
    budget: Budget
    pace: Pace
    on_change: Callable[[], None] = lambda: None
    """Called when an object changed; discovery uses it for custom resource definitions."""
    on_gone: Callable[[], None] = lambda: None
    """Called when the kind is not served any more; discovery looks whether it has come back meanwhile."""
    _epoch: int = 0
    _stream: Stream | None = None
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _served: asyncio.Event = field(default_factory=asyncio.Event)
    _over_why: SessionOver | None = None
    _in_trouble: bool = False
    _repairs: asyncio.Queue[list[ObjectKey]] = field(default_factory=lambda: asyncio.Queue(maxsize=64))
    _backoff: Backoff = field(init=False)
    _figures: Figures = field(init=False)
    _restarts: Backoff = field(default_factory=lambda: Backoff(0.01, 3.0, 0.5, 30.0))

    def __post_init__(self) -> None:
        self._backoff = Backoff(self.pace.retry_base_s, 2.0, 0.5, self.pace.retry_max_s)
        self._figures = Figures(self.account, self.selection.resource.name)

    # ---- notices

    @property
    def session(self) -> str:
        """Id of the session that runs, empty when none does."""
        return self._stream.source.session if self._stream else ""

    def end_session(self, reason: str) -> None:
        """End the session that runs: the gateway closed it, or the process has no room for it."""
        self._over_why = SessionOver(reason, list_anew=reason in ("overload", "malformed", "contradiction", "relist"))
        self._over.set()

    def repair(self, keys: list[ObjectKey]) -> None:
        """Fetch objects that the mirror lacks; too many of them, or too many requests, are answered by a list."""
        if len(keys) > REPAIR_FETCH_MAX or self._repairs.full():
            self.end_session("relist")
        else:
            self._repairs.put_nowait(keys)

    def served(self) -> None:
        """The cluster serves the kind; one that was gone is tried again at once."""
        self._served.set()

    # ---- sessions

    async def run(self) -> None:
        """Follow the resource until cancelled."""
        over = SessionOver("start")
        while True:
            began = time.monotonic()
            try:
                await self._one_session(over)
            except SessionOver as ended:
                over = ended
                if time.monotonic() - began > SETTLED_S:
                    self._restarts.reset()
                await asyncio.sleep(self._restarts.next_s())
            except (GatewayUnavailable, AccountRefused) as error:
                self._enter(State.STALE, error)
                await self._pause(
                    error.retry_after_s if isinstance(error, GatewayUnavailable) else self.pace.refused_retry_s
                )
            except (ClusterUnavailable, AccessRefused, ResourceGone) as error:
                over = SessionOver("retry", list_anew=over.list_anew, ended_epoch=over.ended_epoch)
                await self._wait_cluster(error)

    async def _one_session(self, over: SessionOver) -> NoReturn:
        await self.hop.wait_room()
        rules = await self.hop.wait_rules()
        scope = self.selection.digest(rules)
        opened = await self.gateway.open(self.account, self.selection, scope, self._epoch, over.ended_epoch)
        self._epoch = opened.epoch
        self._figures.session_opens(over.reason)
        log.info(
            "session opened", **self._fields(), **{logfields.SESSION: opened.session[:8], logfields.REASON: over.reason}
        )
        source = Source(
            self.account, self.cluster_identity, self.selection.resource, self.selection.namespace, opened.session,
            opened.epoch,
        )  # fmt: skip
        self._stream = Stream(source, Session(opened))
        self._over.clear()
        self._repairs = asyncio.Queue(maxsize=64)
        self.hop.attach(self._stream, self.end_session)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._end_when_over(), name="over")
                group.create_task(self._tell_inventories(), name="inventories")
                group.create_task(self._fetch_repairs(), name="repairs")
                group.create_task(self._follow(self._stream.session, list_anew=over.list_anew), name="follow")
        except BaseExceptionGroup as failures:
            raise _first(failures) from None
        finally:
            self.hop.detach(self._stream)
            self._stream = None
        raise AssertionError("a session ends by an exception")

    async def _end_when_over(self) -> None:
        await self._over.wait()
        raise self._over_why or SessionOver("unknown")

    # ---- list and watch

    async def _follow(self, session: Session, *, list_anew: bool) -> None:
        if list_anew or not self._resumable(session.opened):
            await self._list(session)
        else:
            session.resume()
        while True:
            try:
                await self._watch_once(session)
            except VersionForgotten as error:
                raise SessionOver("version forgotten", list_anew=True) from error
            except VersionsRanBackwards as error:
                raise self._new_epoch(session, error) from error
            except (ClusterUnavailable, AccessRefused, ResourceGone) as error:
                await self._wait_cluster(error)

    def _resumable(self, opened: Opened) -> bool:
        return opened.checkpoint is not None and opened.checkpoint_age_ms < self.pace.resumable_age_s * 1000

    async def _list(self, session: Session) -> None:
        """List once; whatever fails ends the session, for a list that was begun anew would need a new one."""
        self._enter(State.LISTING)
        async with self.budget.slot():
            started = time.monotonic()
            try:
                async for page in self.gateway.stored(session.opened.session):
                    session.known.update(page)
                session.list_begins()
                if session.opened.highest:
                    session.probe(await self.cluster.version(self.selection))
                if self.cluster.streams_lists and self.pace.use_watch_list:
                    await self._list_by_watch(session)
                else:
                    await self._list_by_pages(session)
            except StreamingListUnsupported as error:
                raise SessionOver("no streaming lists", list_anew=True) from error
            except VersionForgotten as error:
                await self._pause(None)
                raise SessionOver("list expired", list_anew=True) from error
            except SessionClosed as error:
                raise SessionOver("closed", list_anew=True) from error
            except VersionsRanBackwards as error:
                raise self._new_epoch(session, error) from error
        took_s = time.monotonic() - started
        self._figures.listed(took_s)
        took = {logfields.COUNT: session.objects, logfields.DURATION_MS: round(took_s * 1000)}
        log.info("listed", **self._fields(), **took)

    async def _list_by_pages(self, session: Session) -> None:
        self._figures.list_begins("pages")
        version = 0
        async for page in self.cluster.pages(self.selection, session.opened.checkpoint):
            version = page.version
            session.listed(state for state in page.states if self._wanted(state))
            self._has_news()
            await self.hop.wait_room()
        session.list_ends(version, consistent=session.opened.checkpoint is None)
        self._has_news()

    async def _list_by_watch(self, session: Session) -> None:
        """Take the initial events of a streaming list; the watch that follows is opened anew, from its version."""
        self._figures.list_begins("stream")
        async with aclosing(self.cluster.watch(self.selection, session.opened.checkpoint, initial=True)) as watch:
            async for items in watch:
                version = self._take_listed(session, items)
                if version is not None:
                    session.list_ends(version, consistent=session.opened.checkpoint is None)
                self._has_news()
                if version is not None:
                    return
                await self.hop.wait_room()
        raise ClusterUnavailable("the API server ended a streaming list before it was complete")

    def _take_listed(self, session: Session, items: list[Item]) -> int | None:
        """Take what a streaming list shows, changes made meanwhile included; gives its version when it is complete."""
        for item in items:
            if item.seen is Seen.LIST_END:
                return item.version
            if item.state is not None and self._wanted(item.state):
                if item.seen is Seen.DELETED:
                    session.delisted(item.state)
                else:
                    session.listed((item.state,))
        return None

    async def _watch_once(self, session: Session) -> None:
        """Watch until the server ends it; the connection starts with a look whether versions still run forward."""
        session.probe(await self.cluster.version(self.selection))
        began = time.monotonic()
        quiet = True
        async with (
            self._live(),
            aclosing(self.cluster.watch(self.selection, session.position, initial=False)) as watch,
        ):
            async for items in watch:
                quiet = False
                self._backoff.reset()
                self._apply(session, items)
        if quiet and time.monotonic() - began < self.pace.short_watch_s:
            raise ClusterUnavailable("the API server ended a watch at once")

    @asynccontextmanager
    async def _live(self) -> AsyncIterator[None]:
        """Be live while a watch stands; after trouble only once it has stood for a while, for it may fail again at once."""
        delay_s = self.pace.short_watch_s if self._in_trouble else 0.0
        standing = asyncio.get_running_loop().call_later(delay_s, self._enter, State.LIVE)
        try:
            with self._figures.watches.track_inprogress():
                yield
        finally:
            standing.cancel()

    def _apply(self, session: Session, items: list[Item]) -> None:
        changes = 0
        for item in items:
            if item.seen is Seen.BOOKMARK or item.state is None:
                session.bookmark(item.version)
                session.tell_checkpoint()
            elif not self._wanted(item.state):
                session.bookmark(item.version)
            elif item.seen is Seen.DELETED:
                session.deleted(item.state)
                changes += 1
            else:
                session.changed(item.state)
                changes += 1
        if changes:
            self._figures.events.inc(changes)
            self.on_change()
        self._has_news()

    def _wanted(self, state: Observed) -> bool:
        return state.key.namespace not in self.selection.omit_namespaces

    # ---- errands

    async def _tell_inventories(self) -> None:
        """Tell what exists, every now and then; after a resume a names-only list has to fill the map first."""
        while True:
            await asyncio.sleep(self.pace.inventory_interval_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
            session = self._current()
            if session.phase is not Phase.WATCHING:
                continue
            if not session.complete:
                await self._list_names(session)
            session.tell_inventory()
            self._has_news()

    async def _list_names(self, session: Session) -> None:
        entries: dict[ObjectKey, tuple[str, int]] = {}
        version = 0
        self._figures.list_begins("names")
        try:
            async with self.budget.slot():
                async for page in self.cluster.names(self.selection):
                    version = page.version
                    entries.update(
                        {state.key: (state.uid, state.version) for state in page.states if self._wanted(state)}
                    )
        except CLUSTER_FAILURES as error:
            log.warning("no inventory this time", **self._fields(), **{logfields.ERROR: chain(error)})
        else:
            session.base_listed(version, entries)

    async def _fetch_repairs(self) -> None:
        while True:
            keys = await self._repairs.get()
            self._figures.list_begins("repair")
            for key in keys:
                try:
                    state = await self.cluster.get(self.selection, key)
                except CLUSTER_FAILURES as error:
                    log.warning("a repair failed", **self._fields(), **{logfields.ERROR: chain(error)})
                    break  # the next inventory shows the hole again
                if state is not None:
                    self._current().fetched(state)
                    self._has_news()

    # ---- small things

    def _current(self) -> Session:
        assert self._stream is not None  # noqa: S101 - errands live inside a session
        return self._stream.session

    def _has_news(self) -> None:
        if self._stream is not None:
            self.hop.has_news(self._stream)

    def _new_epoch(self, session: Session, error: VersionsRanBackwards) -> SessionOver:
        log.warning("versions run backwards: a new epoch begins", **self._fields(), **{logfields.REASON: str(error)})
        return SessionOver("epoch", list_anew=True, ended_epoch=session.opened.epoch)

    def _enter(self, state: State, error: Exception | None = None) -> None:
        self._in_trouble = state not in (State.LISTING, State.LIVE)
        self.states.enter(self.account, self.selection, state, chain(error) if error else "")

    async def _wait_cluster(self, error: ClusterUnavailable | AccessRefused | ResourceGone) -> None:
        """Show what is wrong and wait before the next attempt; refusals are tried again slowly."""
        slowly_s = self.pace.refused_retry_s * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
        match error:
            case ClusterUnavailable():
                self._enter(State.STALE, error)
                await self._pause(error.retry_after_s)
            case AccessRefused():
                self._enter(State.REFUSED, error)
                await self._hold(slowly_s)
            case ResourceGone():
                self._enter(State.GONE, error)
                await self._pause(None)  # then, if the kind is back already, discovery says so
                self._served.clear()
                self.on_gone()
                await self._hold(slowly_s, self._served)

    async def _pause(self, retry_after_s: float | None) -> None:
        await self._hold(self._backoff.next_s(at_least_s=retry_after_s))

    async def _hold(self, seconds: float, unless: asyncio.Event | None = None) -> None:
        """Wait before the next attempt; the event ends it."""
        with self._figures.backing_off.track_inprogress():
            await wait(unless or asyncio.Event(), seconds)

    def _fields(self) -> dict[str, str]:
        return {logfields.ACCOUNT: self.account, logfields.RESOURCE: self.selection.resource.name}


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The failure that ended a session; the others are its consequences."""
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
