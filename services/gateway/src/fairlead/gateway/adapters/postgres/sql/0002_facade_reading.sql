-- What LIST and WATCH of the facade read beside the rows. SQL of PostgreSQL 10.

-- Tells change cursors of this account from those of another, or of an earlier account of the same name.
alter table accounts add column nonce bigint not null default floor(random() * 281474976710656)::bigint;

-- The change with which an object came (again): for a reader behind it, it is new.
alter table objects add column added bigint not null default 0;

-- Highest version of earlier epochs: up to it, one number may name several states.
alter table resources add column outlived numeric;

-- Rows that a list cannot show, or must not, are few: a list looks for them before it begins.
create index objects_hidden on objects (resource_id, namespace, name) where withheld <> '' or redacted;
