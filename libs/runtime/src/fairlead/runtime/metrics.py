"""Every metric, once: name, meaning, labels. docs/reference/metrics.md is made from this module.

Names begin with ``fairlead_`` and the service; labels are `account`, `resource` and a few closed sets, never object names.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

# ---- watcher
WATCHER_EVENTS = Counter(
    "fairlead_watcher_events_total", "Watch events read from API servers.", ["account", "resource"]
)
WATCHER_LISTS = Counter("fairlead_watcher_lists_total", "Lists begun, by why.", ["account", "resource", "reason"])
WATCHER_WATCHES = Gauge("fairlead_watcher_watches", "Watches that run.", ["account"])
WATCHER_PENDING_BYTES = Gauge("fairlead_watcher_pending_bytes", "Bytes of bodies that wait.")
WATCHER_COALESCED = Counter("fairlead_watcher_coalesced_total", "States replaced by a newer one before they were sent.")
WATCHER_BATCHES = Counter("fairlead_watcher_batches_total", "Raw batches by the scrubber's verdict.", ["verdict"])
WATCHER_SESSIONS = Counter(
    "fairlead_watcher_sessions_total", "Sessions opened, by why.", ["account", "resource", "reason"]
)
WATCHER_OVERLOADS = Counter(
    "fairlead_watcher_overloads_total", "Times that bodies were given up for lack of room.", ["account", "resource"]
)

# ---- kube
API_REQUESTS = Histogram(
    "fairlead_api_request_seconds",
    "Requests to API servers until their answer began.",
    ["account", "verb", "code"],
    buckets=SECONDS,
)

# ---- scrubber
SCRUBBER_OBJECTS = Counter(
    "fairlead_scrubber_objects_total",
    "Objects by what became of them: passed, redacted, withheld, or caught by the second check.",
    ["outcome"],
)
SCRUBBER_UNKNOWN_FIELDS = Counter(
    "fairlead_scrubber_unknown_fields_total", "Fields of envelopes that this release does not know and dropped."
)
SCRUBBER_BATCHES = Counter("fairlead_scrubber_batches_total", "Raw batches by verdict.", ["verdict"])

# ---- bridge
BRIDGE_CONNECTED = Gauge("fairlead_bridge_connected", "1 while the link stands.")
BRIDGE_BATCHES = Counter("fairlead_bridge_batches_total", "Batches sent to the gateway.")
BRIDGE_IN_FLIGHT_BYTES = Gauge("fairlead_bridge_in_flight_bytes", "Bytes sent and not yet committed.")
BRIDGE_CALLS = Counter("fairlead_bridge_calls_total", "Calls from the zone, by kind and outcome.", ["call", "outcome"])

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

EXECUTOR_TUNNELS = Gauge("fairlead_executor_tunnels", "HTTP exchanges that are carried.")
EXECUTOR_TUNNELS_ENDED = Counter(
    "fairlead_executor_tunnels_ended_total",
    "HTTP exchanges by how they ended: done, not-dispatched, lost, refused, cancelled.",
    ["outcome"],
)

# ---- gateway
GATEWAY_CONNECTIONS = Gauge("fairlead_gateway_connections", "Agents connected to this gateway.")
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
