"""The watcher, put together: every task of it is started here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fairlead.runtime import logfields
from fairlead.runtime.bus import attach
from fairlead.runtime.lifecycle import Scope, Service
from fairlead.runtime.logs import get_logger
from fairlead.runtime.sections import Account as AccountSettings
from fairlead.watcher.adapters import kubernetes
from fairlead.watcher.adapters.bus import BusGateway, BusScrubber, Notices, hear_notices
from fairlead.watcher.core.sampling import Sampler
from fairlead.watcher.core.scope import MANAGED_SELECTOR
from fairlead.watcher.core.scope import Scope as WatchScope
from fairlead.watcher.flows.account import Account, AccountPlan, Accounts
from fairlead.watcher.flows.hop import LANES, RawHop
from fairlead.watcher.flows.pace import Pace
from fairlead.watcher.flows.states import StateBoard
from fairlead.watcher.ports import Cluster
from fairlead.watcher.settings import Settings

log = get_logger()


def build(settings: Settings) -> Service:
    """Make the watcher of its settings."""

    async def start(scope: Scope) -> None:
        if not settings.kubernetes.accounts:
            log.warning("nothing will be watched", **{logfields.REASON: "kubernetes.accounts names no account"})
        connection = await attach(scope, settings.nats)
        gateway = BusGateway(connection)
        sampler = Sampler(settings.tracing.events_per_second if settings.tracing.endpoint else 0)
        hop = RawHop(BusScrubber(connection), settings.watcher.pending_bytes_max, sampler)
        states = StateBoard(gateway, lambda: time.time_ns() // 1_000_000)
        lists = asyncio.Semaphore(settings.tasks.total_budget)
        accounts = [
            Account(_plan(settings, each), gateway, hop, states, lists, _pace(settings, each))
            for each in settings.kubernetes.accounts
        ]
        everyone = Accounts(accounts)
        await hear_notices(connection, Notices(everyone.session_closed, everyone.repair, everyone.link))
        connection.on_reconnect(everyone.claim_again)  # a notice of a new link may have been missed meanwhile
        scope.start("states", states.run())
        for lane in range(LANES):
            scope.start(f"raw lane {lane}", hop.lane())
        for account in accounts:
            scope.start(f"account {account.plan.name}", account.run())

    return Service("watcher", start)


def _plan(settings: Settings, account: AccountSettings) -> AccountPlan:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Cluster]:
        credentials = await kubernetes.credentials(
            kubeconfig=account.kubeconfig_file or account.kubeconfig_contents.get_secret_value() or None,
            context=account.context, insecure=account.insecure, no_proxy=account.no_proxy or settings.kubernetes.no_proxy,
        )  # fmt: skip
        async with kubernetes.connect(
            account.name, credentials,
            request_timeout_s=settings.kubernetes.request_timeout_seconds, page_size=settings.kubernetes.list_page_size,
        ) as cluster:  # fmt: skip
            yield cluster

    selectors = [account.label_selector, MANAGED_SELECTOR if account.only_spinnaker_managed else ""]
    scope = WatchScope(
        account.kinds, account.omit_kinds, tuple(each.kind for each in account.custom_resource_definitions),
        account.namespaces, frozenset(account.omit_namespaces),
        account.only_namespaced_resources, ",".join(filter(None, selectors)),
    )  # fmt: skip
    return AccountPlan(
        account.name,
        connect,
        scope,
        account.permissions.read,
        account.permissions.write,
        settings.tasks.budget_per_account,
        account.permissions.execute,
        account.service_account,
    )


def _pace(settings: Settings, account: AccountSettings) -> Pace:
    return Pace(
        inventory_interval_s=settings.kubernetes.inventory_interval_seconds,
        resumable_age_s=account.max_resumable_resource_age_ms / 1000,
        refused_retry_s=settings.watcher.refused_retry_seconds,
        retry_base_s=settings.watcher.retry_base_seconds,
        retry_max_s=settings.watcher.retry_max_seconds,
        use_watch_list=settings.kubernetes.use_watch_list,
    )
