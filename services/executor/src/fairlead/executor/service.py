"""The executor, put together: every task of it is started here."""

from __future__ import annotations

import asyncio
import secrets
import socket

from fairlead.executor.adapters.bus import BusPeers, OperationFeed, answer_questions, hear_cancellations
from fairlead.executor.adapters.claims import BucketClaims
from fairlead.executor.adapters.kubernetes import KubernetesCluster, KubernetesClusters
from fairlead.executor.adapters.reports import BusReports
from fairlead.executor.adapters.tunnels import BusBridges, TunnelOffers, hear_tunnels
from fairlead.executor.core.apply_mode import ApplyPolicy, Switches
from fairlead.executor.core.backlog import Limits
from fairlead.executor.core.job import Job
from fairlead.executor.core.retries import Retries
from fairlead.executor.errors import ApiRefused, NoAnswer
from fairlead.executor.flows.claiming import Claiming, IsPrompt
from fairlead.executor.flows.intake import Intake, Work
from fairlead.executor.flows.operations import Operations
from fairlead.executor.flows.run import Runner
from fairlead.executor.flows.tunnels import Tunnels
from fairlead.executor.settings import KindApplySettings, RetrySettings, ServerSideApplySettings, Settings
from fairlead.kube.credentials import Credentials, from_kubeconfig, from_service_account
from fairlead.runtime import logfields, tracing
from fairlead.runtime.bus import Bus, attach
from fairlead.runtime.errors import chain
from fairlead.runtime.lifecycle import Scope, Service, Stage
from fairlead.runtime.logs import get_logger
from fairlead.runtime.sections import Account

log = get_logger()


def build(settings: Settings) -> Service:
    """Make the executor of its settings."""

    async def start(scope: Scope) -> None:
        executor_id = f"{socket.gethostname()}-{secrets.token_hex(6)}"  # of this process: a restart is another executor
        if not settings.kubernetes.accounts:
            log.warning("no operation will be taken", **{logfields.REASON: "kubernetes.accounts names no account"})
        connection = await attach(scope, settings.nats)
        clusters = {
            account.name: await scope.enter(_cluster(account, settings)) for account in settings.kubernetes.accounts
        }
        claims = BucketClaims(connection)
        responses = settings.clouddriver.response_retries
        operations = Operations(
            Claiming(executor_id, claims, BusPeers(connection)),
            Runner(
                KubernetesClusters(clusters),
                _retries(settings.kubernetes.retries),
                _policy(settings.kubernetes.server_side_apply),
            ),
            BusReports(
                connection,
                max_retries=responses.max_retries if responses.enabled else 0,
                backoff_s=responses.back_off_ms / 1000,
            ),
        )
        intake = Intake(
            _limits(settings), _traced(operations), lambda name, work: scope.start(name, work, essential=False)
        )
        feed = OperationFeed(connection, intake.accept)
        scope.ready_when("claims", claims.not_ready)
        scope.start("claims", claims.tend())
        await answer_questions(connection, executor_id, operations.answer)
        await hear_cancellations(connection, operations.cancel)
        await feed.open(list(clusters))
        scope.on_stop(Stage.INTAKE, "take no more operations", feed.close)
        scope.on_stop(Stage.DRAIN, "finish operations", lambda: _finish(intake, operations))
        tunnels = Tunnels(
            executor_id=executor_id,
            clusters=KubernetesClusters(clusters),
            claims=claims,
            bridges=BusBridges(connection),
            start=lambda name, work: scope.start(name, work, essential=False),
            limit=settings.executor.tunnels,
        )
        await _carry_tunnels(scope, connection, tunnels, executor_id, list(clusters))
        for name, cluster in clusters.items():
            scope.start(f"introduce {name}", _introduce(name, cluster), essential=False)

    return Service("executor", start)


async def _carry_tunnels(scope: Scope, bus: Bus, tunnels: Tunnels, executor_id: str, accounts: list[str]) -> None:
    """Carry HTTP exchanges; offered only once their frames are heard."""
    bus.on_reconnect(tunnels.bus_broke)
    await hear_tunnels(bus, executor_id, tunnels.hear)
    offers = TunnelOffers(bus, executor_id, lambda: tunnels.has_room)
    await offers.open(accounts)
    scope.start("expire exchanges", tunnels.expire())
    scope.on_stop(Stage.INTAKE, "offer no more exchanges", offers.close)
    scope.on_stop(Stage.DRAIN, "finish exchanges", tunnels.finish)


def _cluster(account: Account, settings: Settings) -> KubernetesCluster:
    async def login() -> Credentials:
        without_proxy = account.no_proxy or settings.kubernetes.no_proxy
        kubeconfig = account.kubeconfig_file or account.kubeconfig_contents.get_secret_value()
        if not kubeconfig:
            return await from_service_account(insecure=account.insecure, no_proxy=without_proxy)
        return await from_kubeconfig(
            kubeconfig, context=account.context or None, insecure=account.insecure, no_proxy=without_proxy
        )

    return KubernetesCluster(
        account.name,
        login,
        only_namespaced=account.only_namespaced_resources,
        request_limit_s=settings.timeout_seconds,
    )


def _policy(settings: ServerSideApplySettings) -> ApplyPolicy:
    def switches(level: ServerSideApplySettings | KindApplySettings, kind: str = "") -> Switches:
        return Switches(level.enabled, level.clear_managed_fields, level.manifest_defaults, kind)

    return ApplyPolicy(switches(settings), tuple(switches(each, each.kind) for each in settings.kinds))


def _retries(settings: RetrySettings) -> Retries:
    marks = tuple(mark.lower() for mark in settings.retryable_errors)
    return Retries(settings.enabled, settings.max_retries, settings.back_off_ms / 1000, settings.retry_any_error, marks)


def _limits(settings: Settings) -> Limits:
    own = settings.executor
    return Limits(own.concurrency, own.waiting, own.waiting_bytes, own.patience_seconds)


def _traced(operations: Operations) -> Work:
    async def work(job: Job, is_prompt: IsPrompt) -> None:
        with tracing.span(
            "executor.operation", job.traceparent, operation=job.id, account=job.account, attempt=job.attempt
        ):
            await operations.carry_out(job, is_prompt)

    return work


async def _introduce(name: str, cluster: KubernetesCluster) -> None:
    """Say who we are to the API server; trouble is only told, for it concerns this account alone."""
    try:
        user = await cluster.who_am_i()
    except (ApiRefused, NoAnswer) as error:
        log.warning("an account cannot be used for now", **{logfields.ACCOUNT: name, logfields.ERROR: chain(error)})
    else:
        log.info("an account is ready", **{logfields.ACCOUNT: name, logfields.USER: user.name})


async def _finish(intake: Intake, operations: Operations) -> None:
    """Let what runs end; what does not in time is named."""
    try:
        await intake.finish()
    except asyncio.CancelledError:
        log.warning("operations are left unfinished", **{logfields.OPERATION: operations.active})
        raise
