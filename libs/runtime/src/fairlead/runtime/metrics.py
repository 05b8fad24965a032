"""Every metric, once: name, meaning, labels. docs/reference/metrics.md is made from this module.

Names begin with ``fairlead_`` and a word of `SERVED_BY`; labels are `account`, `resource` and a few closed sets, never object
names. Whoever counts often binds its children once (`labels` costs a lock and a dictionary).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

SERVED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "service": ("watcher", "scrubber", "bridge", "executor", "gateway"),
    "watcher": ("watcher",),
    "api": ("watcher", "executor"),
    "scrubber": ("scrubber",),
    "bridge": ("bridge",),
    "executor": ("executor",),
    "gateway": ("gateway",),
    "facade": ("gateway",),
    "clouddriver": ("gateway",),
}
"""Which services tell the metrics whose names go on so after ``fairlead_``; the others do not mention them at all."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

# ---- every service
SERVICE_READY = Gauge("fairlead_service_ready", "1 while the service is ready.", ["service"])
BUS_CONNECTED = Gauge(
    "fairlead_service_bus_connected", "1 while the connection to nats-server stands; the gateway has none.", ["service"]
)
BUS_RECONNECTS = Counter(
    "fairlead_service_bus_reconnects_total", "Times that a lost connection to nats-server was there again.", ["service"]
)

# ---- watcher
WATCHER_EVENTS = Counter(
    "fairlead_watcher_events_total", "Watch events read from API servers.", ["account", "resource"]
)
WATCHER_LISTS = Counter(
    "fairlead_watcher_lists_total",
    "Lists begun: whole (pages, stream), of names for an inventory (names), or of single objects (repair).",
    ["account", "resource", "reason"],
)
WATCHER_LISTS_RUNNING = Gauge("fairlead_watcher_lists_running", "Lists that run.", ["account"])
WATCHER_LISTS_WAITING = Gauge("fairlead_watcher_lists_waiting", "Lists that wait for their turn.", ["account"])
WATCHER_LIST_SECONDS = Histogram(
    "fairlead_watcher_list_seconds",
    "Time of a whole list, from its turn to its last object.",
    ["resource"],
    buckets=SECONDS,
)
WATCHER_WATCHES = Gauge("fairlead_watcher_watches", "Watches that run.", ["account"])
WATCHER_RESOURCES = Gauge(
    "fairlead_watcher_resources",
    "Resources that are followed, by state: listing, live, stale, refused, gone; one for each namespace of a limited account.",
    ["account", "state"],
)
WATCHER_BACKING_OFF = Gauge(
    "fairlead_watcher_backing_off",
    "Resources that wait before they are tried again, and the account itself while it cannot be watched at all.",
    ["account"],
)
WATCHER_SENT_EVENTS = Counter(
    "fairlead_watcher_sent_events_total", "States of objects sent to the scrubber.", ["account", "resource"]
)
WATCHER_SENT_BYTES = Counter("fairlead_watcher_sent_bytes_total", "Bytes of their bodies.", ["account", "resource"])
WATCHER_BATCHES_IN_FLIGHT = Gauge(
    "fairlead_watcher_batches_in_flight", "Raw batches sent that have no verdict yet: what the raw hop holds."
)
WATCHER_BATCH_SECONDS = Histogram(
    "fairlead_watcher_batch_seconds",
    "From the first sending of a raw batch to its delivery: it stands in the clean log.",
    buckets=SECONDS,
)
WATCHER_PENDING_BYTES = Gauge("fairlead_watcher_pending_bytes", "Bytes of bodies that wait.")
WATCHER_COALESCED = Counter("fairlead_watcher_coalesced_total", "States replaced by a newer one before they were sent.")
WATCHER_BATCHES = Counter(
    "fairlead_watcher_batches_total",
    "Raw batches by the scrubber's verdict: done, busy, malformed, or unanswered.",
    ["verdict"],
)
WATCHER_SESSIONS = Counter(
    "fairlead_watcher_sessions_total", "Sessions opened, by why.", ["account", "resource", "reason"]
)
WATCHER_OVERLOADS = Counter(
    "fairlead_watcher_overloads_total", "Times that bodies were given up for lack of room.", ["account", "resource"]
)

# ---- kube
API_REQUESTS = Histogram(
    "fairlead_api_request_seconds",
    "Requests to API servers until their answer began, by verb (get, list, watch, create, update, patch, delete,"
    " deletecollection, other) and code; 0: no answer.",
    ["account", "verb", "code"],
    buckets=SECONDS,
)

# ---- scrubber
SCRUBBER_OBJECTS = Counter(
    "fairlead_scrubber_objects_total",
    "Objects by what became of them: passed, redacted, withheld by the rules; of these then caught by the second check, or"
    " oversize for the bus.",
    ["outcome"],
)
SCRUBBER_UNKNOWN_FIELDS = Counter(
    "fairlead_scrubber_unknown_fields_total", "Fields of envelopes that this release does not know and dropped."
)
SCRUBBER_BATCHES = Counter(
    "fairlead_scrubber_batches_total", "Raw batches by verdict: done, busy, malformed.", ["verdict"]
)
SCRUBBER_BATCHES_RUNNING = Gauge("fairlead_scrubber_batches_running", "Raw batches that are worked on.")
SCRUBBER_BATCHES_WAITING = Gauge(
    "fairlead_scrubber_batches_waiting", "Raw batches that have arrived and wait for a slot."
)
SCRUBBER_BATCH_SECONDS = Histogram(
    "fairlead_scrubber_batch_seconds", "Time of a raw batch, until the clean log has stored it.", buckets=SECONDS
)

# ---- bridge
BRIDGE_CONNECTED = Gauge("fairlead_bridge_connected", "1 while the link stands.")
BRIDGE_DIALS = Counter(
    "fairlead_bridge_dials_total", "Attempts to connect to the gateway: connected, refused, failed.", ["outcome"]
)
BRIDGE_DISCONNECTIONS = Counter("fairlead_bridge_disconnections_total", "Connections that have ended.")
BRIDGE_BACKOFF_SECONDS = Gauge(
    "fairlead_bridge_backoff_seconds", "How long the bridge waits before it dials again; 0 while it need not."
)
BRIDGE_BATCHES = Counter("fairlead_bridge_batches_total", "Batches sent to the gateway.")
BRIDGE_BATCH_SECONDS = Histogram(
    "fairlead_bridge_batch_seconds",
    "From the sending of a batch to the gateway's word that it is committed.",
    buckets=SECONDS,
)
BRIDGE_BATCHES_IN_FLIGHT = Gauge(
    "fairlead_bridge_batches_in_flight", "Batches taken from the clean log that are not settled."
)
BRIDGE_IN_FLIGHT_BYTES = Gauge("fairlead_bridge_in_flight_bytes", "Bytes sent and not yet committed.")
BRIDGE_WINDOW_BYTES = Gauge(
    "fairlead_bridge_window_bytes", "Bytes that the gateway lets be under way: the credit is this less those in flight."
)
BRIDGE_LOG_PENDING = Gauge(
    "fairlead_bridge_log_pending_batches", "Batches in the clean log that the bridge has not taken yet."
)
BRIDGE_LOG_UNSETTLED = Gauge(
    "fairlead_bridge_log_unsettled_batches", "Batches that were taken from the clean log and not acknowledged."
)
BRIDGE_LOG_BYTES = Gauge("fairlead_bridge_log_bytes", "Size of the clean log.")
BRIDGE_LOG_LIMIT_BYTES = Gauge(
    "fairlead_bridge_log_limit_bytes", "Size at which the clean log takes no more and the watchers are slowed down."
)
BRIDGE_CALLS = Counter("fairlead_bridge_calls_total", "Calls from the zone, by kind and outcome.", ["call", "outcome"])
BRIDGE_OPERATIONS = Gauge("fairlead_bridge_operations_waiting", "Operations that wait for an executor to accept them.")
BRIDGE_TUNNELS = Gauge("fairlead_bridge_tunnels", "HTTP exchanges that are relayed.")

# ---- executor
EXECUTOR_OPERATIONS = Counter(
    "fairlead_executor_operations_total", "Operations by kind and outcome.", ["kind", "outcome"]
)
EXECUTOR_RUNNING = Gauge("fairlead_executor_running", "Operations that run.")
EXECUTOR_WAITING = Gauge("fairlead_executor_waiting", "Operations that wait for a slot.")
EXECUTOR_TURNED_AWAY = Counter(
    "fairlead_executor_turned_away_total",
    "Operations left to their next resend: no room, or waited for too long.",
    ["reason"],
)
EXECUTOR_SECONDS = Histogram("fairlead_executor_operation_seconds", "Time an operation ran.", ["kind"], buckets=SECONDS)
EXECUTOR_PHASE_SECONDS = Histogram(
    "fairlead_executor_phase_seconds",
    "Phases of an operation at the executor: wait (for a slot), claim, run (its requests to the API server), report (until"
    " the gateway has the result).",
    ["phase"],
    buckets=SECONDS,
)
EXECUTOR_TUNNELS = Gauge("fairlead_executor_tunnels", "HTTP exchanges that are carried.")
EXECUTOR_TUNNELS_ENDED = Counter(
    "fairlead_executor_tunnels_ended_total",
    "HTTP exchanges by how they ended: done, not-dispatched, lost, refused, cancelled.",
    ["outcome"],
)

# ---- gateway
GATEWAY_CONNECTIONS = Gauge("fairlead_gateway_connections", "Agents connected to this gateway.")
GATEWAY_ACCOUNTS = Gauge("fairlead_gateway_accounts", "Accounts that those agents serve.")
GATEWAY_PARTS = Counter(
    "fairlead_gateway_parts_total", "Parts by what became of them: applied, duplicate, fenced, refused.", ["outcome"]
)
GATEWAY_EVENTS = Counter(
    "fairlead_gateway_events_total", "Events by what became of them: written, deleted, superseded.", ["outcome"]
)
GATEWAY_COMMITS = Histogram("fairlead_gateway_commit_seconds", "Time to commit a batch.", buckets=SECONDS)
GATEWAY_FRESHNESS = Histogram(
    "fairlead_gateway_freshness_seconds",
    "From the change (API server time, else read time) to its commit.",
    ["resource"],
    buckets=SECONDS,
)
GATEWAY_LAG_SECONDS = Gauge(
    "fairlead_gateway_lag_seconds",
    "How long ago the rows of a resource were last known to be complete; up to a minute or two where nothing changes. Told by"
    " one gateway for all.",
    ["account", "resource"],
)
GATEWAY_RESOURCES = Gauge(
    "fairlead_gateway_resources",
    "Resources of the mirror by state: listing, live, stale, refused, gone. Told by one gateway for all.",
    ["account", "state"],
)
GATEWAY_UNCOMMITTED_BYTES = Gauge("fairlead_gateway_uncommitted_bytes", "Bytes received from agents and not committed.")
GATEWAY_DATABASE_UP = Gauge("fairlead_gateway_database_up", "1 while PostgreSQL answers.")
GATEWAY_SESSIONS_CLOSED = Counter("fairlead_gateway_sessions_closed_total", "Sessions closed, by why.", ["reason"])
GATEWAY_REPAIRS = Counter(
    "fairlead_gateway_repairs_total", "Objects asked for because an inventory showed them missing or older."
)
GATEWAY_MALFORMED = Counter("fairlead_gateway_malformed_batches_total", "Batches that could not be decoded.")
GATEWAY_OPERATIONS = Counter(
    "fairlead_gateway_operations_total", "Operations by kind and final state.", ["kind", "state"]
)
GATEWAY_OPERATION_SECONDS = Histogram(
    "fairlead_gateway_operation_seconds", "From the receipt of an operation to its result.", ["kind"], buckets=SECONDS
)
GATEWAY_PHASE_SECONDS = Histogram(
    "fairlead_gateway_operation_phase_seconds",
    "Phases of an operation: store (receipt until it stands in the database), send (until an agent has it), start (until an"
    " executor begins), run (at the executor), report (until the result stands in the database).",
    ["phase"],
    buckets=SECONDS,
)
GATEWAY_OPERATIONS_OPEN = Gauge(
    "fairlead_gateway_operations_open",
    "Operations that have not ended, by state: pending, sent, claimed. Told by one gateway for all.",
    ["state"],
)
GATEWAY_TUNNELS = Gauge("fairlead_gateway_tunnels", "HTTP exchanges under way through agents.")
GATEWAY_TUNNELS_ENDED = Counter(
    "fairlead_gateway_tunnels_ended_total",
    "HTTP exchanges by how they ended: done, unavailable, lost, refused, cancelled.",
    ["outcome"],
)
GATEWAY_TUNNEL_BYTES = Counter(
    "fairlead_gateway_tunnel_bytes_total", "Bytes of bodies, to API servers (up) and from them (down).", ["direction"]
)
GATEWAY_LATE_RESULTS = Counter(
    "fairlead_gateway_late_results_total", "Results of operations that had ended already; they change nothing."
)
GATEWAY_REQUESTS = Counter(
    "fairlead_gateway_http_requests_total", "HTTP requests by route and code.", ["route", "code"]
)
FACADE_REQUESTS = Counter(
    "fairlead_facade_requests_total",
    "Requests at the Kubernetes API of accounts, by who answered (discovery, openapi, store, tunnel, none), verb and code.",
    ["source", "verb", "code"],
)
FACADE_SECONDS = Histogram(
    "fairlead_facade_request_seconds",
    "Time of a request at the Kubernetes API of accounts until its client has the answer; without watches and logs.",
    ["source", "verb"],
    buckets=SECONDS,
)
GATEWAY_WRITES = Counter(
    "fairlead_gateway_writes_total",
    "Writes through the facade: done, refused, failed, lost, unsent.",
    ["verb", "outcome"],
)
GATEWAY_WATCHES = Gauge("fairlead_gateway_watches", "Watches of the facade that are told out of the mirror.")
GATEWAY_WATCH_TOLD = Counter("fairlead_gateway_watch_told_bytes_total", "Bytes of events told to watches.")
GATEWAY_WATCH_READS = Counter(
    "fairlead_gateway_watch_reads_total",
    "Readings of changes: for all who watch a resource, or for one who has fallen behind.",
    ["by"],
)
GATEWAY_WATCH_BYTES = Gauge("fairlead_gateway_watch_bytes", "Bytes of bodies kept for those who watch.")
GATEWAY_WATCHES_EXPIRED = Counter(
    "fairlead_gateway_watches_expired_total",
    "Watches that ended because the mirror could not tell what comes next (410).",
)
GATEWAY_BARRIER = Counter(
    "fairlead_gateway_barrier_total",
    "Lists that met a write which the mirror did not hold: they waited for it, or were read live.",
    ["outcome"],
)
CLOUDDRIVER_REQUESTS = Counter(
    "fairlead_clouddriver_requests_total",
    "Calls to Clouddriver's account API and to Fiat, by call (list, read, put, delete, sync) and code; 0: no answer.",
    ["call", "code"],
)
REGISTRATIONS = Gauge(
    "fairlead_clouddriver_accounts",
    "Accounts by how they stand in Clouddriver; told by the gateway that registers.",
    ["state"],
)
ACCOUNTS_MISSING = Gauge("fairlead_gateway_accounts_missing", "Accounts in agent mode whose agent is missing.")
GRACE_STANDS_STILL = Gauge(
    "fairlead_gateway_grace_stands_still", "1 while no grace period runs because too many agents are missing at once."
)
ACCOUNTS_REMOVED = Counter("fairlead_gateway_accounts_removed_total", "Accounts removed with their rows.")


# ---- the table


def table() -> list[MetricWrapperBase]:
    """Every metric of this module, in its order."""
    return [value for value in globals().values() if isinstance(value, MetricWrapperBase)]


def group_of(metric: MetricWrapperBase) -> str:
    """The word of `SERVED_BY` under which a metric stands."""
    (family,) = metric.describe()
    return str(family.name.split("_")[1])


def is_told_by(metric: MetricWrapperBase, services: Collection[str]) -> bool:
    """Whether one of the services counts it."""
    return any(service in services for service in SERVED_BY[group_of(metric)])
