"""Keeping one account: claim it, find its resources, follow each of them; another account is never disturbed by it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field

from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.runtime import logfields, metrics
from fairlead.runtime.backoff import Backoff
from fairlead.runtime.errors import ConfigurationError, chain
from fairlead.runtime.logs import get_logger
from fairlead.watcher.core.scope import Scope, Selection, selections
from fairlead.watcher.errors import CLUSTER_FAILURES, AccountRefused, GatewayUnavailable
from fairlead.watcher.flows.documents import Documents
from fairlead.watcher.flows.hop import RawHop
from fairlead.watcher.flows.pace import Budget, Pace, wait
from fairlead.watcher.flows.reflector import Reflector
from fairlead.watcher.flows.states import StateBoard
from fairlead.watcher.ports import Catalogue, Claim, Cluster, ClusterInfo, Gateway

log = get_logger()

REFUSED_RETRY_S = 60.0
CLAIM_INTERVAL_S = 60.0
"""A claim is renewed this often: the notice that the link is a new one may be lost."""
DISCOVERY_INTERVAL_S = 600.0
UNCERTAIN_INTERVAL_S = 120.0
"""The same while a group of the API cannot be asked in full; nothing tells when it can."""
DISCOVERY_PAUSE_S = 2.0
"""Definitions often come in dozens; so long after one is seen, the cluster is asked what it serves now."""
DEFINITIONS = "customresourcedefinitions"
Place = tuple[str, str, str]
"""Group, plural and namespace: of those the mirror has one writer, whatever the version that is read."""


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """What the configuration says of one account."""

    name: str
    connect: Callable[[], AbstractAsyncContextManager[Cluster]]
    """Opens the cluster; raises ConfigurationError for unusable credentials."""
    scope: Scope
    read_roles: tuple[str, ...] = ()
    write_roles: tuple[str, ...] = ()
    lists_max: int = 50
    execute_roles: tuple[str, ...] = ()
    own_cluster: bool = False


@dataclass
class Account:
    """One account and its reflectors."""

    plan: AccountPlan
    gateway: Gateway
    hop: RawHop
    states: StateBoard
    lists: asyncio.Semaphore
    pace: Pace
    reflectors: dict[Place, tuple[Reflector, asyncio.Task[None]]] = field(default_factory=dict)
    _claim_again: asyncio.Event = field(default_factory=asyncio.Event)
    _look_again: asyncio.Event = field(default_factory=asyncio.Event)
    _granted: bool = False
    _documents: Documents = field(init=False)

    def __post_init__(self) -> None:
        self._documents = Documents(self.plan.name, self.gateway)

    async def run(self) -> None:
        """Keep the account until cancelled; whatever fails is tried again."""
        backoff = Backoff(max_s=60.0)
        while True:
            try:
                async with self.plan.connect() as cluster:
                    info = await cluster.describe()
                    self._introduce(info)
                    await self._claim(info)
                    backoff.reset()
                    await self._follow(cluster, info)
            except (ConfigurationError, *CLUSTER_FAILURES) as error:
                delay_s = backoff.next_s()
                log.warning(
                    "the account cannot be watched", **self._fields(error), **{logfields.RETRY_S: round(delay_s, 1)}
                )
                with self._backing_off():
                    await asyncio.sleep(delay_s)

    def claim_again(self) -> None:
        """Claim the account once more: the link is a new one. Its gateway hears again what the cluster serves."""
        self._claim_again.set()
        self._documents.forget()
        self._look_again.set()

    def find(self, session: str) -> Reflector | None:
        """The reflector that runs a session."""
        return next((reflector for reflector, _ in self.reflectors.values() if reflector.session == session), None)

    def _introduce(self, info: ClusterInfo) -> None:
        fields = {logfields.USER: info.user, logfields.ADDRESS: info.server, logfields.VERSION: info.version}
        log.info("reached the cluster", **self._fields(), **fields)

    async def _claim(self, info: ClusterInfo) -> None:
        """Claim the account until it is granted; a refusal is shown and asked again, for a person may decide."""
        plan = self.plan
        roles = plan.read_roles, plan.write_roles, plan.execute_roles
        claim = Claim(plan.name, info, plan.scope.namespaces, *roles, plan.own_cluster)
        backoff = Backoff(base_s=0.2, max_s=15.0)
        while True:
            self._claim_again.clear()
            try:
                await self.gateway.claim(claim)
            except GatewayUnavailable as error:
                delay_s = backoff.next_s(at_least_s=error.retry_after_s)
                self._granted = False
                log.warning("the account cannot be claimed yet", **self._fields(error))
            except AccountRefused as error:
                delay_s = REFUSED_RETRY_S
                self._granted = False
                log.error("the gateway refuses the account", **self._fields(error))
            else:
                (log.debug if self._granted else log.info)("account granted", **self._fields())
                self._granted = True
                self.states.tell_again(self.plan.name)
                return
            with self._backing_off():
                await wait(self._claim_again, delay_s)

    async def _follow(self, cluster: Cluster, info: ClusterInfo) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._claim_on_request(info), name=f"{self.plan.name} claims")
                await self._look(cluster, info, group)
        finally:
            self.reflectors.clear()

    async def _claim_on_request(self, info: ClusterInfo) -> None:
        while True:
            await wait(self._claim_again, CLAIM_INTERVAL_S * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
            await self._claim(info)

    async def _look(self, cluster: Cluster, info: ClusterInfo, group: asyncio.TaskGroup) -> None:
        """Find resources, follow new ones, and look again: in a while, or soon after definitions changed.

        What is followed goes on whatever becomes of a look: a kind that is not told may exist all the same.
        """
        budget = Budget(self.lists, asyncio.Semaphore(self.plan.lists_max), self.plan.name)
        backoff = Backoff(max_s=DISCOVERY_INTERVAL_S)
        while True:
            self._look_again.clear()
            try:
                catalogue = await cluster.discover(self.plan.scope.wanted_kinds)
                omitted = await self._omitted(cluster)
            except CLUSTER_FAILURES as error:
                delay_s = backoff.next_s()
                log.warning("the cluster does not tell what it serves", **self._fields(error))
            else:
                backoff.reset()
                interval_s = UNCERTAIN_INTERVAL_S if catalogue.uncertain else DISCOVERY_INTERVAL_S
                delay_s = interval_s * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load
                for selection in self._wanted(catalogue, omitted):
                    await self._keep(selection, catalogue, lambda each: self._start(each, cluster, info, budget, group))
                await self._documents.tell(catalogue.documents)
            await wait(self._look_again, delay_s)
            if not self._look_again.is_set():
                self._documents.forget()  # a gateway that lost its database hears everything again by and by
            await asyncio.sleep(DISCOVERY_PAUSE_S)

    async def _omitted(self, cluster: Cluster) -> frozenset[Resource]:
        if not self.plan.scope.omit_kinds:
            return frozenset()
        return frozenset((await cluster.discover(self.plan.scope.omit_kinds)).resources)

    def _wanted(self, catalogue: Catalogue, omitted: frozenset[Resource]) -> list[Selection]:
        if catalogue.missing:
            fields = {logfields.KIND: ", ".join(catalogue.missing)}
            log.info("kinds that the cluster does not serve", **self._fields(), **fields)
        return selections(self.plan.scope, tuple(each for each in catalogue.resources if each not in omitted))

    async def _keep(self, selection: Selection, catalogue: Catalogue, start: Callable[[Selection], None]) -> None:
        """Follow a selection, in place of what was followed there under a version that is not preferred any more."""
        place = (selection.resource.group, selection.resource.plural, selection.namespace)
        if place in self.reflectors:
            reflector, task = self.reflectors[place]
            # A group that cannot be asked in full may prefer another version when it can.
            if reflector.selection == selection or selection.resource.group in catalogue.uncertain:
                reflector.served()
                return
            while not task.done():  # a cancellation that meets the end of a session is lost (asyncio.TaskGroup)
                task.cancel()
                await asyncio.wait([task], timeout=1.0)
            self.states.forget(self.plan.name, reflector.selection)
        start(selection)

    def _start(
        self, selection: Selection, cluster: Cluster, info: ClusterInfo, budget: Budget, group: asyncio.TaskGroup
    ) -> None:
        definitions = selection.resource.plural == DEFINITIONS
        reflector = Reflector(
            self.plan.name, info.identity, selection, cluster, self.gateway, self.hop, self.states, budget, self.pace,
            self._look_again.set if definitions else lambda: None, self._look_again.set,
        )  # fmt: skip
        task = group.create_task(
            reflector.run(), name=f"{self.plan.name} {selection.resource.name} {selection.namespace}"
        )
        place = (selection.resource.group, selection.resource.plural, selection.namespace)
        self.reflectors[place] = (reflector, task)

    def _backing_off(self) -> AbstractContextManager[None]:
        """Count the account among what waits before it is tried again."""
        return metrics.WATCHER_BACKING_OFF.labels(self.plan.name).track_inprogress()

    def _fields(self, error: BaseException | None = None) -> dict[str, str]:
        fields = {logfields.ACCOUNT: self.plan.name}
        return fields | {logfields.ERROR: chain(error)} if error else fields


class Accounts:
    """All accounts of this process, as notices address them."""

    def __init__(self, accounts: list[Account]) -> None:
        self._accounts = accounts

    def session_closed(self, session: str, reason: str) -> None:
        """End a session that the gateway closed."""
        reflector = self._find(session)
        if reflector is not None:
            reflector.end_session(reason)

    def repair(self, session: str, keys: list[ObjectKey], relist: bool) -> None:
        """Fetch or list again what the mirror lacks."""
        reflector = self._find(session)
        if reflector is None:
            return
        if relist:
            reflector.end_session("relist")
        else:
            reflector.repair(keys)

    def link(self, connected: bool) -> None:
        """Introduce the accounts to a new link."""
        if connected:
            self.claim_again()

    def claim_again(self) -> None:
        """Claim every account once more: the gateway may not know of them."""
        for account in self._accounts:
            account.claim_again()

    def _find(self, session: str) -> Reflector | None:
        found = (account.find(session) for account in self._accounts)
        return next((reflector for reflector in found if reflector is not None), None)
