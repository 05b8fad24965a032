"""When each alert fires, and when it does not: series as promtool writes them, one value a minute."""

from __future__ import annotations

from dataclasses import dataclass

Series = dict[str, str]
"""Series to its values: ``1+2x10`` counts up by two, ``_x5`` is nothing, five times."""


@dataclass(frozen=True)
class Case:
    """An alert fires at ``at`` for ``fires``, with these labels; for ``quiet`` it does not.

    Attributes:
        fires: series that it fires for.
        labels: of the alert, without its name and severity.
        at: when it has fired.
        not_yet: when it has not fired yet for the same series.
        quiet: series, much alike, that it does not fire for.

    """

    fires: Series
    labels: dict[str, str]
    at: str
    not_yet: str
    quiet: Series


def _where(service: str) -> dict[str, str]:
    return {"job": f"fairlead-{service}", "instance": f"{service}:8008"}


def _of(metric: str, service: str, /, **labels: str) -> str:
    return (
        metric + "{" + ", ".join(f'{name}="{value}"' for name, value in ({**_where(service), **labels}).items()) + "}"
    )


def _api(**labels: str) -> str:
    return _of("fairlead_api_request_seconds_count", "watcher", account="shop", **labels)


def _buckets(metric: str, slow: str, **labels: str) -> Series:
    """A histogram in which nothing is faster than the bucket before the last."""
    return {
        _of(f"{metric}_bucket", "gateway", le="0.5", **labels): "0x60",
        _of(f"{metric}_bucket", "gateway", le=slow, **labels): "0+60x60",
        _of(f"{metric}_bucket", "gateway", le="+Inf", **labels): "0+60x60",
    }


CASES: dict[str, Case] = {
    "FairleadTargetDown": Case(
        {_of("up", "bridge"): "1 0x20"}, _where("bridge"), "5m", "2m",
        quiet={_of("up", "bridge"): "1 0 1x20", 'up{job="node", instance="n"}': "0x20"},
    ),
    "FairleadServiceNotReady": Case(
        {_of("fairlead_service_ready", "watcher", service="watcher"): "0x20"},
        {**_where("watcher"), "service": "watcher"}, "6m", "4m",
        quiet={_of("fairlead_service_ready", "watcher", service="watcher"): "0 0 0 1x20"},
    ),
    "FairleadGatewayAbsent": Case(
        {_of("up", "gateway"): "1 0x20"}, {}, "5m", "2m",
        quiet={_of("up", "gateway"): "1x20"},
    ),
    "FairleadBusLost": Case(
        {_of("fairlead_service_bus_connected", "executor", service="executor"): "1 0x20"},
        {**_where("executor"), "service": "executor"}, "4m", "2m",
        quiet={_of("fairlead_service_bus_connected", "executor", service="executor"): "1 0 1x20"},
    ),
    "FairleadLinkDown": Case(
        {_of("fairlead_bridge_connected", "bridge"): "1 0x20"}, _where("bridge"), "7m", "4m",
        quiet={_of("fairlead_bridge_connected", "bridge"): "1 0 0 1x20"},
    ),
    "FairleadNoAgentConnected": Case(
        {_of("fairlead_gateway_connections", "gateway"): "2 0x20"}, {}, "7m", "4m",
        quiet={
            _of("fairlead_gateway_connections", "gateway"): "0x20",
            'fairlead_gateway_connections{job="fairlead-gateway", instance="other"}': "1x20",
        },
    ),
    "FairleadAccountMissing": Case(
        {_of("fairlead_gateway_accounts_missing", "gateway"): "0 1x20"}, {}, "4m", "2m",
        quiet={_of("fairlead_gateway_accounts_missing", "gateway"): "0x20"},
    ),
    "FairleadGracePeriodsStandStill": Case(
        {_of("fairlead_gateway_grace_stands_still", "gateway"): "0 1x20"}, {}, "12m", "9m",
        quiet={_of("fairlead_gateway_grace_stands_still", "gateway"): "0x20"},
    ),
    "FairleadCleanLogFilling": Case(
        {
            _of("fairlead_bridge_log_bytes", "bridge"): "90x20",
            _of("fairlead_bridge_log_limit_bytes", "bridge"): "100x20",
        },
        _where("bridge"), "6m", "4m",
        quiet={
            _of("fairlead_bridge_log_bytes", "bridge"): "70x20",
            _of("fairlead_bridge_log_limit_bytes", "bridge"): "100x20",
        },
    ),
    "FairleadResourcesNotLive": Case(
        {_of("fairlead_gateway_resources", "gateway", account="shop", state="stale"): "0 3x20"},
        {"account": "shop", "state": "stale"}, "12m", "9m",
        quiet={_of("fairlead_gateway_resources", "gateway", account="shop", state="listing"): "3x20"},
    ),
    "FairleadMirrorStale": Case(
        {_of("fairlead_gateway_lag_seconds", "gateway", account="shop", resource="pods"): "1700+60x30"},
        {"account": "shop", "resource": "pods"}, "10m", "5m",
        quiet={_of("fairlead_gateway_lag_seconds", "gateway", account="shop", resource="pods"): "90x30"},
    ),
    "FairleadFreshnessSlow": Case(
        _buckets("fairlead_gateway_freshness_seconds", "30", resource="pods"), {}, "20m", "5m",
        quiet=_buckets("fairlead_gateway_freshness_seconds", "1", resource="pods"),
    ),
    "FairleadRepeatedLists": Case(
        {
            _of("fairlead_watcher_lists_total", "watcher", account="shop", resource="pods", reason="pages"): "0+1x60",
            _of("fairlead_watcher_resources", "watcher", account="shop", state="live"): "2x60",
        },
        {"account": "shop"}, "30m", "5m",
        quiet={
            _of("fairlead_watcher_lists_total", "watcher", account="shop", resource="pods", reason="names"): "0+1x60",
            _of("fairlead_watcher_resources", "watcher", account="shop", state="live"): "2x60",
        },
    ),
    "FairleadWatcherOverloaded": Case(
        {_of("fairlead_watcher_overloads_total", "watcher", account="shop", resource="pods"): "_x5 1x40"},
        {"account": "shop"}, "6m", "4m",
        quiet={_of("fairlead_watcher_overloads_total", "watcher", account="shop", resource="pods"): "0x40"},
    ),
    "FairleadSessionsBreak": Case(
        {_of("fairlead_gateway_sessions_closed_total", "gateway", reason="gap"): "0+2x60"},
        {"reason": "gap"}, "30m", "5m",
        quiet={_of("fairlead_gateway_sessions_closed_total", "gateway", reason="superseded"): "0+2x60"},
    ),
    "FairleadNoScrubber": Case(
        {_of("fairlead_watcher_batches_total", "watcher", verdict="unanswered"): "0+10x30"},
        {"instance": "watcher:8008"}, "10m", "4m",
        quiet={_of("fairlead_watcher_batches_total", "watcher", verdict="done"): "0+10x30"},
    ),
    "FairleadSecondCheckCaught": Case(
        {_of("fairlead_scrubber_objects_total", "scrubber", outcome="caught"): "0x5 1x30"},
        {"outcome": "caught"}, "8m", "4m",
        quiet={_of("fairlead_scrubber_objects_total", "scrubber", outcome="redacted"): "0x5 1x30"},
    ),
    "FairleadObjectsWithheld": Case(
        {_of("fairlead_scrubber_objects_total", "scrubber", outcome="oversize"): "0x5 2x30"},
        {"outcome": "oversize"}, "8m", "4m",
        quiet={_of("fairlead_scrubber_objects_total", "scrubber", outcome="passed"): "0x5 2x30"},
    ),
    "FairleadMalformedBatches": Case(
        {_of("fairlead_gateway_malformed_batches_total", "gateway"): "0x5 1x30"},
        {"instance": "gateway:8008"}, "8m", "4m",
        quiet={_of("fairlead_gateway_malformed_batches_total", "gateway"): "0x30"},
    ),
    "FairleadApiServerFails": Case(
        {_api(verb="list", code="200"): "0+60x40", _api(verb="list", code="503"): "0+20x40"},
        {"account": "shop"}, "20m", "5m",
        quiet={_api(verb="list", code="200"): "0+60x40", _api(verb="list", code="503"): "0+2x40"},
    ),
    "FairleadApiServerRefuses": Case(
        {_api(verb="list", code="200"): "0+60x40", _api(verb="list", code="403"): "0+20x40"},
        {"account": "shop"}, "25m", "10m",
        quiet={_api(verb="list", code="200"): "0+60x40", _api(verb="list", code="404"): "0+20x40"},
    ),
    "FairleadDatabaseDown": Case(
        {_of("fairlead_gateway_database_up", "gateway"): "1 0x20"}, _where("gateway"), "3m", "1m",
        quiet={_of("fairlead_gateway_database_up", "gateway"): "1x20"},
    ),
    "FairleadCommitsSlow": Case(
        _buckets("fairlead_gateway_commit_seconds", "5"), {"instance": "gateway:8008"}, "20m", "5m",
        quiet=_buckets("fairlead_gateway_commit_seconds", "1"),
    ),
    "FairleadRegistrationStuck": Case(
        {_of("fairlead_clouddriver_accounts", "gateway", state="conflict"): "1x30"},
        {"state": "conflict"}, "16m", "14m",
        quiet={_of("fairlead_clouddriver_accounts", "gateway", state="accepted"): "1x30"},
    ),
    "FairleadOperationUnknown": Case(
        {_of("fairlead_gateway_operations_total", "gateway", kind="patch", state="unknown"): "_x5 1x60"},
        {"kind": "patch"}, "6m", "4m",
        quiet={_of("fairlead_gateway_operations_total", "gateway", kind="patch", state="failed"): "_x5 1x60"},
    ),
    "FairleadOperationsExpire": Case(
        {_of("fairlead_gateway_operations_total", "gateway", kind="apply", state="expired"): "0x5 3x60"},
        {"kind": "apply"}, "8m", "4m",
        quiet={_of("fairlead_gateway_operations_total", "gateway", kind="apply", state="succeeded"): "0x5 3x60"},
    ),
    "FairleadExecutorFull": Case(
        {_of("fairlead_executor_turned_away_total", "executor", reason="full"): "0+3x40"},
        {"instance": "executor:8008"}, "15m", "9m",
        quiet={_of("fairlead_executor_turned_away_total", "executor", reason="full"): "3x40"},
    ),
    "FairleadWritesLost": Case(
        {_of("fairlead_gateway_writes_total", "gateway", verb="patch", outcome="lost"): "_x5 1x60"},
        {"verb": "patch"}, "6m", "4m",
        quiet={_of("fairlead_gateway_writes_total", "gateway", verb="patch", outcome="refused"): "_x5 1x60"},
    ),
    "FairleadKubernetesApiFails": Case(
        {
            _of("fairlead_facade_requests_total", "gateway", source="store", verb="list", code="200"): "0+60x40",
            _of("fairlead_facade_requests_total", "gateway", source="none", verb="list", code="503"): "0+20x40",
        },
        {}, "20m", "5m",
        quiet={
            _of("fairlead_facade_requests_total", "gateway", source="store", verb="list", code="200"): "0+60x40",
            _of("fairlead_facade_requests_total", "gateway", source="none", verb="list", code="404"): "0+20x40",
        },
    ),
}  # fmt: skip
