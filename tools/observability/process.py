"""What every service page has: the choice among its replicas, and what its programs need."""

from __future__ import annotations

from tools.observability.grafana import Panel, Query, Row, Variable, series, stat
from tools.observability.promql import increase, job, quantile, rate, select, total

INSTANCE = 'instance=~"$instance"'


def here(metric: str, *matchers: str) -> str:
    """A metric of the chosen replicas."""
    return select(metric, INSTANCE, *matchers)


def instances(service: str) -> tuple[Variable, ...]:
    """The choice among the replicas of a service."""
    return (Variable("instance", "Instance", f"label_values({select('up', job(service))}, instance)"),)


def running(service: str) -> Row:
    """Whether it runs, and what it costs."""
    own = (job(service), INSTANCE)
    each = "{{instance}}"
    return Row(
        "Processes",
        (
            stat(
                "Answering",
                "Processes that answer Prometheus. Fewer than you run: see the alert FairleadTargetDown.",
                "short",
                Query(total(select("up", *own))),
                bad_below=1,
            ),
            stat(
                "Ready",
                "Services that say they can work; `/readyz` on port 8082 of the others tells what they lack.",
                "short",
                Query(total(here("fairlead_service_ready", f'service="{service}"'))),
                bad_below=1,
            ),
            stat(
                "Restarts, last hour",
                "Starts of processes; the log of the one before ends with the reason.",
                "short",
                Query(f"sum(changes({select('process_start_time_seconds', *own)}[1h]))"),
                bad_from=1,
            ),
            stat(
                "Open files",
                "Connections and files that the fullest process has open, as a share of what it may have.",
                "percentunit",
                Query(f"max({select('process_open_fds', *own)} / {select('process_max_fds', *own)})"),
                bad_from=0.8,
            ),
            series(
                "CPU",
                "Processor time; 100 % is one core. A service uses one core: near 100 % it is the bottleneck.",
                "percentunit",
                Query(f"rate({select('process_cpu_seconds_total', *own)}[$__rate_interval])", each),
                width=12,
            ),
            series(
                "Memory",
                "Resident memory. It grows during first lists and comes to rest; steady growth is a fault.",
                "bytes",
                Query(select("process_resident_memory_bytes", *own), each),
                width=12,
            ),
        ),
    )


def bus(service: str) -> Row:
    """The service's connection to nats-server."""
    own = f'service="{service}"'
    return Row(
        "Bus",
        (
            series(
                "Connection to nats-server",
                "1 while it stands.",
                "short",
                Query(here("fairlead_service_bus_connected", own), "{{instance}}"),
                width=12,
            ),
            series(
                "Reconnects",
                "Times that a lost connection to nats-server was there again.",
                "short",
                Query(increase(here("fairlead_service_bus_reconnects_total", own), "instance"), "{{instance}}"),
                width=12,
            ),
        ),
    )


def api_requests(count: str) -> tuple[Panel, Panel]:
    """Requests to API servers, whosever they are: by verb and by code."""
    return (
        series(
            "Requests by verb",
            "What is asked of API servers. Lists and gets are few where watches do the work.",
            "reqps",
            Query(rate(count, "verb"), "{{verb}}"),
            stacked=True,
        ),
        series(
            "Requests by code",
            "0: no answer; 401, 403: rights; 410: a version was forgotten; 429: the server asks for patience.",
            "reqps",
            Query(rate(count, "code"), "{{code}}"),
            stacked=True,
        ),
    )


def api_servers(service: str) -> Row:
    """The service's requests to API servers."""
    buckets = here("fairlead_api_request_seconds_bucket", job(service))
    return Row(
        "API servers",
        (
            *api_requests(here("fairlead_api_request_seconds_count", job(service))),
            series(
                "Time until the answer begins, 99 %",
                "By account. One slow account is a slow API server; all of them are a busy process or network.",
                "s",
                Query(quantile(0.99, buckets, "account"), "{{account}}", exemplars=True),
            ),
        ),
    )
