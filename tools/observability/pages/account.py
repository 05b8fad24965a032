"""One account: how its mirror stands, what its watches do, and how its API server answers."""

from __future__ import annotations

from tools.observability.grafana import Dashboard, Query, Row, Variable, series, stat, traces
from tools.observability.process import api_requests
from tools.observability.promql import highest, increase, quantile, rate, select, share, total

from fairlead.runtime.spans import EVENT, OPERATION

_HERE = 'account="$account"'
_API_COUNT = select("fairlead_api_request_seconds_count", _HERE)
_API_FAILED = select("fairlead_api_request_seconds_count", _HERE, 'code=~"0|429|5.."')
_API_BUCKETS = select("fairlead_api_request_seconds_bucket", _HERE)


def _watcher(metric: str) -> str:
    return select(f"fairlead_watcher_{metric}", _HERE)


_NOW = Row(
    "Now",
    (
        stat(
            "Not live",
            "Resources of the mirror that are not live: `fairlead resources <account>` names them and tells why.",
            "short",
            Query(
                total(highest(select("fairlead_gateway_resources", _HERE, 'state!~"live|listing"'), "state"))
                + " or vector(0)"
            ),
            bad_from=1,
        ),
        stat(
            "Oldest resource",
            "How long ago the least fresh resource was last known to be complete; a minute or two is normal where nothing changes.",
            "s",
            Query(highest(select("fairlead_gateway_lag_seconds", _HERE))),
            bad_from=300,
        ),
        stat(
            "Watches",
            "Watches that run: one for each kind, and for each namespace when the account is limited to some.",
            "short",
            Query(total(_watcher("watches"))),
            bad_below=1,
        ),
        stat("Events", "Changes read from the API server.", "ops", Query(rate(_watcher("events_total")))),
        stat(
            "Overloads, last hour",
            "Times that bodies were given up because the way to the gateway was too slow; a list follows each.",
            "short",
            Query(increase(_watcher("overloads_total"), window="1h")),
            bad_from=1,
        ),
        stat(
            "API server fails",
            "Share of requests that ended in 429, 5xx or no answer.",
            "percentunit",
            Query(share(rate(_API_FAILED), rate(_API_COUNT))),
            bad_from=0.05,
        ),
    ),
)

_MIRROR = Row(
    "Mirror",
    (
        series(
            "Resources by state",
            "As the gateway knows them. `live` is well; `stale` is older than the cluster, `refused` lacks rights, `gone` is not served.",
            "short",
            Query(highest(select("fairlead_gateway_resources", _HERE), "state"), "{{state}}"),
            stacked=True,
        ),
        series(
            "Least fresh kinds",
            "How long ago the rows of a resource were last known to be complete, of the ten oldest.",
            "s",
            Query(f"topk(10, {highest(select('fairlead_gateway_lag_seconds', _HERE), 'resource')})", "{{resource}}"),
        ),
        series(
            "Backing off",
            "Resources that wait before the watcher tries them again.",
            "short",
            Query(total(_watcher("backing_off"))),
        ),
    ),
)

_OBSERVATION = Row(
    "Observation",
    (
        series(
            "Events by kind",
            "Who makes the work: the ten busiest kinds.",
            "ops",
            Query(f"topk(10, {rate(_watcher('events_total'), 'resource')})", "{{resource}}"),
            stacked=True,
        ),
        series(
            "Bytes by kind",
            "Bodies sent to the scrubbers: the ten largest kinds.",
            "Bps",
            Query(f"topk(10, {rate(_watcher('sent_bytes_total'), 'resource')})", "{{resource}}"),
            stacked=True,
        ),
        series(
            "Sessions by reason",
            "Why resources were taken up anew: `retry` after failures, `version forgotten` after 410, `gap` after a loss, `overload`.",
            "short",
            Query(increase(_watcher("sessions_total"), "reason"), "{{reason}}"),
            stacked=True,
        ),
        series(
            "Lists by kind and manner",
            "Lists cost the API server; after the first ones there are few: names for inventories, repairs.",
            "short",
            Query(increase(_watcher("lists_total"), "resource, reason"), "{{resource}} ({{reason}})"),
            stacked=True,
            width=16,
        ),
        series(
            "Lists running and waiting",
            "Lists wait for their turn, so that the API server is spared.",
            "short",
            Query(total(_watcher("lists_running")), "running"),
            Query(total(_watcher("lists_waiting")), "waiting"),
        ),
    ),
)

_API_SERVER = Row(
    "API server",
    (
        *api_requests(_API_COUNT),
        series(
            "Time until the answer begins",
            "Half of the requests, and all but a hundredth, have their first byte after so long.",
            "s",
            Query(quantile(0.5, _API_BUCKETS), "50%"),
            Query(quantile(0.99, _API_BUCKETS), "99%", exemplars=True),
        ),
    ),
)

_TRACES = Row(
    "Traces",
    (
        traces("Events, traced", "The latest sampled events of this account.", EVENT[0], tags="account=$account"),
        traces("Operations, traced", "The latest operations on this account.", OPERATION[0], tags="account=$account"),
    ),
)

ACCOUNT = Dashboard(
    "fairlead-account",
    "Fairlead: one account",
    "How the mirror of one cluster stands, what its watches do, and how its API server answers.",
    (_NOW, _MIRROR, _OBSERVATION, _API_SERVER, _TRACES),
    (Variable("account", "Account", "label_values(fairlead_gateway_resources, account)", several=False),),
)
