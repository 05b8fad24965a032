-- Accounts in Clouddriver, their grace period, and what is left of removed ones. SQL of PostgreSQL 10.

-- Work that one gateway does for all.
create table duties (
    name text primary key,
    holder text not null,
    until timestamptz not null,
    ticked_at timestamptz                  -- when the grace periods were looked at last, by the holder's clock
);

create table registrations (
    account text collate "C" primary key,
    wanted text not null default 'registered',
    by_whom text not null default '',
    adopt boolean not null default false,  -- an account of others may be overwritten, once
    state text not null default 'waiting',
    message text not null default '',
    since timestamptz not null default now(),
    digest text not null default '',       -- of the definition that was put last; '': put it (again)
    server text not null default '',       -- in that definition; '': nothing of ours is there
    token_key text not null default '',    -- which of the gateway's keys the token in it was made from
    token_generation integer not null default 1,
    attempts integer not null default 0,
    next_at timestamptz not null default now(),
    put_at timestamptz,
    loaded_at timestamptz
);

-- One row for each account in agent mode whose agent is missing.
create table absences (
    account text collate "C" primary key,
    counted_s double precision not null,   -- seconds of its grace period that have run
    since timestamptz not null default now()
);

-- Reflectors of removed accounts whose objects and tombstones are still to be deleted, in slices.
create table abandoned_resources (
    resource_id integer primary key
);

alter table accounts add column execute_roles text[] not null default '{}';
