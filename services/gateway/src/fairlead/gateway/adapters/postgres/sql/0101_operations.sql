-- Operations. Bodies are sealed by the gateway (core/keyring.py): the database holds no byte of a manifest but its metadata.

create table operations (
    id text collate "C" primary key,       -- ULID
    account text not null,
    kind text not null,
    state text not null,
    caller text not null,
    subject jsonb not null,                -- identity and metadata of what it is about
    fenced boolean not null,
    traceparent text not null,
    fingerprint_key text not null,         -- keyed hash of the request: tells a repetition from another request
    fingerprint bytea not null,
    request_key text,
    request bytea,                         -- sealed; null once it has ended
    created_at timestamptz not null default now(),
    deadline_at timestamptz not null,
    next_at timestamptz not null default now(),   -- when it is to be sent (again)
    attempt integer not null default 0,
    uncertain boolean not null default false,     -- an earlier attempt may have run unanswered
    first_incarnation text not null default '',
    link text not null default '',
    agent text not null default '',
    sent_at timestamptz,
    claimed_at timestamptz,
    finished_at timestamptz,
    outcome jsonb,                         -- code, reason and the identity it took effect on
    message_key text,
    message bytea                          -- sealed: an API server may quote what it refuses
);

create index operations_open on operations (next_at) where state in ('pending', 'sent', 'claimed');
create index operations_finished on operations (finished_at) where finished_at is not null;
create index operations_account on operations (account, id desc);

create table operation_results (
    id text collate "C" primary key references operations (id) on delete cascade,
    body_key text not null,
    body bytea not null,                   -- sealed
    size_bytes bigint not null,
    expires_at timestamptz not null
);

create index operation_results_expiry on operation_results (expires_at);
