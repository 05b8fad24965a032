"""What an operator is woken for: Prometheus' alert rules, and the index of their runbooks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import yaml
from tools.observability.promql import EVERY_JOB, highest, increase, quantile, rate, select, share, total

PREFIX = "Fairlead"
RUNBOOKS = "https://fairlead.dev/docs/operations"
"""Where docs/operations is published; whoever serves the pages elsewhere changes it here and runs `make docs`."""

_INDEX = """# Runbooks

One page for each alert of [`infra/observability/alerts.yaml`](../../infra/observability/alerts.yaml): symptom, meaning, what to
do. The commands are those of the `fairlead` command line, with `FAIRLEAD_GATEWAY`, `FAIRLEAD_CA_FILE` and `FAIRLEAD_TOKEN_FILE`
set as `make up` prints them, or for your own gateway; those that change something need a token with the verb for it.

*Critical*: clusters are not seen or operations do not run, act now. *Warning*: look today. *Info*: good to know.
"""


class Severity(StrEnum):
    """How soon somebody looks."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Alert:
    """One rule. ``summary`` is one line and may name labels as Prometheus' templates do; ``hold`` is how long it must last."""

    word: str
    expr: str
    hold: str
    severity: Severity
    summary: str
    meaning: str

    @property
    def name(self) -> str:
        """As Prometheus knows it; its runbook is the page of this name."""
        return PREFIX + self.word

    def render(self) -> dict[str, object]:
        """The rule as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.hold,
            "labels": {"severity": self.severity.value},
            "annotations": {
                "summary": self.summary,
                "description": self.meaning,
                "runbook_url": f"{RUNBOOKS}/{self.name}.md",
            },
        }


def happened(counter: str, by: str, window: str) -> str:
    """Something that should not happen was counted within a window.

    A counter with labels first shows with its first count, which `increase` cannot see: so a series that was not there before
    counts as well.
    """
    return f"sum by ({by}) (increase({counter}[{window}]) > 0 or ({counter} unless {counter} offset {window})) > 0"


_API = "fairlead_api_request_seconds_count"
_FACADE = "fairlead_facade_requests_total"
_NOT_LIVE = select("fairlead_gateway_resources", 'state=~"stale|refused"')
_WHOLE_LISTS = select("fairlead_watcher_lists_total", 'reason=~"pages|stream"')
_BROKEN = select("fairlead_gateway_sessions_closed_total", 'reason=~"gap|overflow|contradiction|refused"')
_UNANSWERED = select("fairlead_watcher_batches_total", 'verdict="unanswered"')
_MALFORMED = select("fairlead_scrubber_batches_total", 'verdict="malformed"')
_FAILURES = select(_API, 'code=~"0|429|5.."')
_REFUSALS = select(_API, 'code=~"401|403"')
_NOT_REGISTERED = select("fairlead_clouddriver_accounts", 'state=~"refused|conflict|retrying"')
_FACADE_FAILURES = select(_FACADE, 'code=~"5.."')

PROCESSES = (
    Alert(
        "TargetDown",
        f"{select('up', EVERY_JOB)} == 0",
        "2m",
        Severity.WARNING,
        "{{ $labels.job }} at {{ $labels.instance }} does not answer Prometheus",
        "The process is gone, hangs, or cannot be reached on its metrics port.",
    ),
    Alert(
        "ServiceNotReady",
        "fairlead_service_ready == 0",
        "5m",
        Severity.WARNING,
        "{{ $labels.service }} at {{ $labels.instance }} is not ready",
        "The service runs and says that it cannot work; /readyz and its log tell what it lacks.",
    ),
    Alert(
        "GatewayAbsent",
        'absent(up{job="fairlead-gateway"} == 1)',
        "2m",
        Severity.CRITICAL,
        "No gateway answers Prometheus",
        "Without a gateway no change is stored, no operation runs, and Clouddriver has no clusters.",
    ),
    Alert(
        "BusLost",
        "fairlead_service_bus_connected == 0",
        "2m",
        Severity.CRITICAL,
        "{{ $labels.service }} at {{ $labels.instance }} has lost nats-server",
        "The services of a zone meet on nats-server only; without it nothing moves there.",
    ),
)

LINK = (
    Alert(
        "LinkDown",
        "fairlead_bridge_connected == 0",
        "5m",
        Severity.CRITICAL,
        "The bridge at {{ $labels.instance }} has no link to a gateway",
        "The clusters of this zone are not seen, and their operations wait.",
    ),
    Alert(
        "NoAgentConnected",
        f"{total('fairlead_gateway_connections')} == 0",
        "5m",
        Severity.CRITICAL,
        "No agent is connected to any gateway",
        "No cluster is seen and no operation runs.",
    ),
    Alert(
        "AccountMissing",
        f"{highest('fairlead_gateway_accounts_missing')} > 0",
        "2m",
        Severity.WARNING,
        "The agent of an account in agent mode is missing",
        "When its grace period ends, the account is removed from Clouddriver and with its rows.",
    ),
    Alert(
        "GracePeriodsStandStill",
        f"{highest('fairlead_gateway_grace_stands_still')} == 1",
        "10m",
        Severity.WARNING,
        "More than half of the agents are missing at once",
        "Nothing is removed while this lasts: it looks like a fault of network or gateway, not like agents that were taken down.",
    ),
    Alert(
        "CleanLogFilling",
        "fairlead_bridge_log_bytes / (fairlead_bridge_log_limit_bytes > 0) > 0.8",
        "5m",
        Severity.WARNING,
        "The clean log behind the bridge at {{ $labels.instance }} is over 80 % full",
        "Link, gateway or database are slower than the clusters change; when the log is full, watchers slow down and rows grow old.",
    ),
)

MIRROR = (
    Alert(
        "ResourcesNotLive",
        f"{highest(_NOT_LIVE, 'account, state')} > 0",
        "10m",
        Severity.WARNING,
        "Resources of {{ $labels.account }} are {{ $labels.state }}",
        "Their rows stand as they were and grow old. Stale: the cluster is not heard; refused: it forbids the watch.",
    ),
    Alert(
        "MirrorStale",
        f"{highest('fairlead_gateway_lag_seconds', 'account, resource')} > 1800",
        "5m",
        Severity.CRITICAL,
        "{{ $labels.resource }} of {{ $labels.account }} was last known to be complete over half an hour ago",
        "Readers see an old state of the cluster, and Spinnaker decides by it.",
    ),
    Alert(
        "FreshnessSlow",
        f"{quantile(0.99, 'fairlead_gateway_freshness_seconds_bucket', window='5m')} > 10",
        "10m",
        Severity.WARNING,
        "Changes take more than ten seconds to the database",
        "Of a hundred changes at least one took so long. Something on the way is slow, or catches up.",
    ),
    Alert(
        "RepeatedLists",
        f"{increase(_WHOLE_LISTS, 'account', '1h')} > 3 * {total('fairlead_watcher_resources', 'account')}",
        "10m",
        Severity.WARNING,
        "The resources of {{ $labels.account }} are listed again and again",
        "Each was listed more than three times within an hour, on average: the API server pays for it.",
    ),
    Alert(
        "WatcherOverloaded",
        happened("fairlead_watcher_overloads_total", "account", "15m"),
        "0m",
        Severity.WARNING,
        "The watcher gave up bodies of {{ $labels.account }} for lack of room",
        "Changes come faster than they are taken. The resources are listed again; nothing is lost, but rows are late.",
    ),
    Alert(
        "SessionsBreak",
        f"{increase(_BROKEN, 'reason', '30m')} > 20",
        "5m",
        Severity.WARNING,
        "The gateway closes sessions again and again: {{ $labels.reason }}",
        "Parts are lost on the way, or cannot be stored. Watchers resume each time; it must not go on.",
    ),
)

SCRUBBING = (
    Alert(
        "NoScrubber",
        f"{rate(_UNANSWERED, 'instance', '5m')} > 0",
        "5m",
        Severity.CRITICAL,
        "No scrubber answers the watcher at {{ $labels.instance }}",
        "Changes wait in the watcher; the rows of its clusters grow old.",
    ),
    Alert(
        "SecondCheckCaught",
        happened(select("fairlead_scrubber_objects_total", 'outcome="caught"'), "outcome", "1h"),
        "0m",
        Severity.WARNING,
        "The second check caught what the scrub rules had missed",
        "Nothing left the zone: the object was held back. The rules miss a way in which a secret is written.",
    ),
    Alert(
        "ObjectsWithheld",
        happened(select("fairlead_scrubber_objects_total", 'outcome=~"withheld|oversize"'), "outcome", "1h"),
        "0m",
        Severity.INFO,
        "Objects were held back: {{ $labels.outcome }}",
        "Identity and version are in the mirror, the object is not; it can be read live.",
    ),
    Alert(
        "MalformedBatches",
        f"{happened('fairlead_gateway_malformed_batches_total', 'instance', '15m')}"
        f" or {happened(_MALFORMED, 'instance', '15m')}",
        "0m",
        Severity.WARNING,
        "{{ $labels.instance }} got batches that it cannot read",
        "Releases that do not fit each other, or a fault. The sessions concerned begin anew.",
    ),
)

NEIGHBOURS = (
    Alert(
        "ApiServerFails",
        f"{share(rate(_FAILURES, 'account', '5m'), rate(_API, 'account', '5m'))} > 0.1",
        "10m",
        Severity.WARNING,
        "The API server of {{ $labels.account }} fails more than a tenth of our requests",
        "No answer, 429 or 5xx. Watches and operations are tried again with growing pauses.",
    ),
    Alert(
        "ApiServerRefuses",
        f"{share(rate(_REFUSALS, 'account', '5m'), rate(_API, 'account', '5m'))} > 0.1",
        "15m",
        Severity.WARNING,
        "The API server of {{ $labels.account }} refuses more than a tenth of our requests",
        "401: the credentials are not taken any more. 403: they lack rights for what the account is to watch or do.",
    ),
    Alert(
        "DatabaseDown",
        "fairlead_gateway_database_up == 0",
        "1m",
        Severity.CRITICAL,
        "PostgreSQL does not answer the gateway at {{ $labels.instance }}",
        "Changes wait in the agents' logs; nothing is lost. Reads, writes and operations fail meanwhile.",
    ),
    Alert(
        "CommitsSlow",
        f"{quantile(0.99, 'fairlead_gateway_commit_seconds_bucket', 'instance', '5m')} > 1",
        "10m",
        Severity.WARNING,
        "Commits of the gateway at {{ $labels.instance }} take more than a second",
        "PostgreSQL is slow: disk, locks, vacuum, or the network in between. Rows grow late.",
    ),
    Alert(
        "RegistrationStuck",
        f"{highest(_NOT_REGISTERED, 'state')} > 0",
        "15m",
        Severity.WARNING,
        "Accounts are not registered in Clouddriver: {{ $labels.state }}",
        "Spinnaker does not see them, or sees an older definition.",
    ),
)

USE = (
    Alert(
        "OperationUnknown",
        happened(select("fairlead_gateway_operations_total", 'state="unknown"'), "kind", "15m"),
        "0m",
        Severity.WARNING,
        "Nobody can tell whether an operation took effect: {{ $labels.kind }}",
        "Executor or link were lost in the middle of what is not safe to repeat. It is not run again by itself.",
    ),
    Alert(
        "OperationsExpire",
        happened(select("fairlead_gateway_operations_total", 'state="expired"'), "kind", "15m"),
        "0m",
        Severity.WARNING,
        "Operations expire: {{ $labels.kind }}",
        "No executor took them before their deadline. They did not run.",
    ),
    Alert(
        "ExecutorFull",
        f"{rate('fairlead_executor_turned_away_total', 'instance', '5m')} > 0",
        "10m",
        Severity.WARNING,
        "The executor at {{ $labels.instance }} turns operations away",
        "More operations come than its slots take. They are sent again until their deadline.",
    ),
    Alert(
        "WritesLost",
        happened(select("fairlead_gateway_writes_total", 'outcome="lost"'), "verb", "15m"),
        "0m",
        Severity.WARNING,
        "Answers to writes of kubectl or Clouddriver were lost: {{ $labels.verb }}",
        "The callers were told 504: each write may have taken effect. It is never sent again by itself.",
    ),
    Alert(
        "KubernetesApiFails",
        f"{share(rate(_FACADE_FAILURES, window='5m'), rate(_FACADE, window='5m'))} > 0.05",
        "10m",
        Severity.WARNING,
        "The gateway's Kubernetes API fails more than a twentieth of its requests",
        "kubectl and Clouddriver see errors: 503 is safe to try again, 504 is not.",
    ),
)

GROUPS: dict[str, tuple[Alert, ...]] = {
    "fairlead-processes": PROCESSES,
    "fairlead-link": LINK,
    "fairlead-mirror": MIRROR,
    "fairlead-scrubbing": SCRUBBING,
    "fairlead-neighbours": NEIGHBOURS,
    "fairlead-use": USE,
}


def every() -> list[Alert]:
    """All alerts."""
    return [alert for group in GROUPS.values() for alert in group]


def rules() -> str:
    """The file that Prometheus loads."""
    groups = [{"name": name, "rules": [alert.render() for alert in alerts]} for name, alerts in GROUPS.items()]
    return yaml.safe_dump({"groups": groups}, sort_keys=False, width=160, allow_unicode=True)


def index() -> str:
    """The page that lists the runbooks."""
    lines = [_INDEX, "| Alert | Severity | Meaning |", "| --- | --- | --- |"]
    lines += [f"| [{each.name}]({each.name}.md) | {each.severity} | {each.meaning} |" for each in every()]
    return "\n".join(lines) + "\n"
