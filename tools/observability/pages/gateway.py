"""The page of the gateway: links, the store, the Kubernetes API of accounts, Clouddriver."""

from __future__ import annotations

from tools.observability.grafana import Dashboard, Query, Row, series
from tools.observability.process import here, instances, running
from tools.observability.promql import highest, increase, quantile, rate, total

_STORE = Row(
    "Links and store",
    (
        series(
            "Agents and accounts",
            "Links that stand at each gateway, and the accounts that their agents serve.",
            "short",
            Query(here("fairlead_gateway_connections"), "agents {{instance}}"),
            Query(here("fairlead_gateway_accounts"), "accounts {{instance}}"),
        ),
        series(
            "Events",
            "What became of events; `superseded`: a newer state was there already.",
            "ops",
            Query(rate(here("fairlead_gateway_events_total"), "outcome"), "{{outcome}}"),
            stacked=True,
        ),
        series(
            "Parts that were not applied",
            "`duplicate`: came twice, harmless; `fenced`: of a session that has ended; `refused`: of an account that is not the agent's.",
            "ops",
            Query(rate(here("fairlead_gateway_parts_total", 'outcome!="applied"'), "outcome"), "{{outcome}}"),
        ),
        series(
            "Time to commit a batch",
            "One transaction. Slow commits are PostgreSQL's: disk, locks, or a far network.",
            "s",
            Query(quantile(0.5, here("fairlead_gateway_commit_seconds_bucket")), "50%"),
            Query(quantile(0.99, here("fairlead_gateway_commit_seconds_bucket")), "99%", exemplars=True),
        ),
        series(
            "Received and not committed",
            "Bytes that wait for the database, within the windows that the gateway grants to agents.",
            "bytes",
            Query(here("fairlead_gateway_uncommitted_bytes"), "{{instance}}"),
        ),
        series(
            "Database answers",
            "1 while PostgreSQL answers. Meanwhile batches stay in the clean logs of the agents; nothing is lost.",
            "short",
            Query(here("fairlead_gateway_database_up"), "{{instance}}"),
        ),
    ),
)

_MIRROR = Row(
    "Mirror",
    (
        series(
            "Freshness of the slowest kinds, 99 %",
            "From the change to its commit, of the five slowest kinds.",
            "s",
            Query(
                f"topk(5, {quantile(0.99, here('fairlead_gateway_freshness_seconds_bucket'), 'resource')})",
                "{{resource}}",
                exemplars=True,
            ),
        ),
        series(
            "Resources by state",
            "Of all accounts; `live` is well.",
            "short",
            Query(f"sum by (state) ({highest('fairlead_gateway_resources', 'account, state')})", "{{state}}"),
            stacked=True,
        ),
        series(
            "Repairs and closed sessions",
            "Objects that an inventory showed missing or older, and sessions closed, by why. A few after faults are the protocol at work.",
            "short",
            Query(increase(here("fairlead_gateway_repairs_total")), "objects repaired"),
            Query(increase(here("fairlead_gateway_sessions_closed_total"), "reason"), "session closed: {{reason}}"),
            Query(increase(here("fairlead_gateway_malformed_batches_total")), "malformed batches"),
        ),
    ),
)

_FACADE = Row(
    "Kubernetes API of accounts",
    (
        series(
            "Requests by who answered",
            "`store`: out of the mirror; `tunnel`: by the cluster, through the agent; `none`: refused here.",
            "reqps",
            Query(rate(here("fairlead_facade_requests_total"), "source"), "{{source}}"),
            stacked=True,
        ),
        series(
            "Requests by code",
            "503: not sent, may be tried again; 504: sent, and the answer was lost.",
            "reqps",
            Query(rate(here("fairlead_facade_requests_total"), "code"), "{{code}}"),
            stacked=True,
        ),
        series(
            "Time of a request, 95 %",
            "Until the client has the whole answer, by who answered; without watches and logs.",
            "s",
            Query(
                quantile(0.95, here("fairlead_facade_request_seconds_bucket"), "source"), "{{source}}", exemplars=True
            ),
        ),
        series(
            "Writes",
            "Writes through the API of accounts by how they ended.",
            "ops",
            Query(rate(here("fairlead_gateway_writes_total"), "outcome"), "{{outcome}}"),
            stacked=True,
        ),
        series(
            "Lists that met a write",
            "Lists that waited until the mirror held a write, or were read live because it took too long.",
            "ops",
            Query(rate(here("fairlead_gateway_barrier_total"), "outcome"), "{{outcome}}"),
        ),
        series(
            "Watches told out of the mirror",
            "Watches of clients, and those that ended with 410 because the mirror could not tell what comes next.",
            "short",
            Query(total(here("fairlead_gateway_watches"), "instance"), "{{instance}}"),
            Query(increase(here("fairlead_gateway_watches_expired_total")), "expired (410)"),
        ),
        series(
            "Bytes told to watches",
            "Events for those who watch.",
            "Bps",
            Query(rate(here("fairlead_gateway_watch_told_bytes_total")), "told"),
        ),
        series(
            "Bytes kept for watches",
            "Bodies kept in memory for those who watch.",
            "bytes",
            Query(here("fairlead_gateway_watch_bytes"), "{{instance}}"),
        ),
        series(
            "Readings of changes",
            "For all who watch a resource, or for one who has fallen behind.",
            "ops",
            Query(rate(here("fairlead_gateway_watch_reads_total"), "by"), "{{by}}"),
        ),
    ),
)

_AROUND = Row(
    "Tunnels, REST, Clouddriver",
    (
        series(
            "Exchanges through agents",
            "HTTP exchanges under way.",
            "short",
            Query(here("fairlead_gateway_tunnels"), "{{instance}}"),
        ),
        series(
            "Bytes through tunnels",
            "Bodies to API servers (up) and from them (down).",
            "Bps",
            Query(rate(here("fairlead_gateway_tunnel_bytes_total"), "direction"), "{{direction}}"),
        ),
        series(
            "REST requests by code",
            "Requests at the gateway's own API.",
            "reqps",
            Query(rate(here("fairlead_gateway_http_requests_total"), "code"), "{{code}}"),
            stacked=True,
        ),
        series(
            "Accounts in Clouddriver",
            "How accounts stand there; `fairlead accounts registration` names them.",
            "short",
            Query(highest("fairlead_clouddriver_accounts", "state"), "{{state}}"),
            stacked=True,
        ),
        series(
            "Calls to Clouddriver",
            "Calls to its account API and to Fiat; code 0: no answer.",
            "reqps",
            Query(rate(here("fairlead_clouddriver_requests_total"), "call, code"), "{{call}} {{code}}"),
        ),
        series(
            "Accounts missing and removed",
            "Accounts in agent mode whose agent is away, and accounts removed with their rows; grace periods stand still while more than"
            " half of the agents are missing.",
            "short",
            Query(highest("fairlead_gateway_accounts_missing"), "missing"),
            Query(highest("fairlead_gateway_grace_stands_still"), "grace periods stand still"),
            Query(increase(here("fairlead_gateway_accounts_removed_total")), "removed"),
        ),
    ),
)

GATEWAY = Dashboard(
    "fairlead-gateway",
    "Fairlead: gateway",
    "Takes what agents send into PostgreSQL, and serves the Kubernetes API of every account.",
    (_STORE, _MIRROR, _FACADE, _AROUND, running("gateway")),
    instances("gateway"),
)
