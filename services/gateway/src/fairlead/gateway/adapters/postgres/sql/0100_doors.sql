-- Credentials, connections and documents of agents. SQL of PostgreSQL 10.

create table tokens (
    name text primary key,
    kind text not null,
    digest bytea not null unique,          -- SHA-256 of a random 256-bit token
    accounts text[] not null,              -- patterns
    verbs text[] not null,
    created_at timestamptz not null default now(),
    created_by text not null,
    expires_at timestamptz,
    revoked_at timestamptz
);

-- One row for each connection of an agent to any gateway; seen_at is set by the gateway as long as both live.
create table links (
    id text primary key,
    gateway text not null,
    agent text not null,
    zone text not null,
    mode text not null,
    software_version text not null,
    credential text not null,
    accounts text[] not null default '{}',
    connected_at timestamptz not null default now(),
    seen_at timestamptz not null default now()
);

-- Discovery and OpenAPI documents, as the agent last sent them.
create table documents (
    account text not null,
    kind text not null,
    path text not null,
    sha256 text not null,
    content bytea not null,
    stored_at timestamptz not null default now(),
    primary key (account, kind, path)
);
