-- Writes through the facade: the journal, and what lists have to wait for. SQL of PostgreSQL 10.

create table facade_writes (
    id text collate "C" primary key,       -- ULID
    account text collate "C" not null,
    gateway text not null,                 -- process that carries it
    caller text not null,
    command text not null,
    user_agent text not null,
    verb text not null,
    api_group text not null,
    api_version text not null,
    plural text not null,
    namespace text not null,
    name text not null,
    subresource text not null,
    dry_run boolean not null,
    begun_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),   -- set by the gateway as long as the write is open
    finished_at timestamptz,
    outcome text not null default 'open',
    dispatched boolean not null default false,
    status integer,
    uid text not null default '',
    version numeric
) with (fillfactor = 80);

create index facade_writes_account on facade_writes (account, id);
create index facade_writes_open on facade_writes (seen_at) where outcome = 'open';

-- One row for each write that the mirror may not hold yet, through the facade or REST: nearly always none or few.
create table write_marks (
    id text collate "C" primary key,
    account text collate "C" not null,
    api_group text collate "C" not null,
    plural text collate "C" not null,
    namespace text collate "C" not null,
    name text collate "C" not null,
    wait text not null,
    uid text not null,
    epoch bigint not null,                 -- of the resource when the write ended
    version numeric,
    marked_at timestamptz not null default now(),
    until timestamptz not null             -- lists wait no longer than that
) with (fillfactor = 50, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_scale_factor = 0);

create index write_marks_place on write_marks (account, api_group, plural);
