-- What WATCH tells of an object that is gone: its last known state. SQL of PostgreSQL 10.

alter table tombstones
    add column redacted boolean not null default false,
    add column body bytea not null default '';

do $$
begin
    if exists (select from pg_settings where name = 'default_toast_compression' and 'lz4' = any (enumvals)) then
        execute 'alter table tombstones alter column body set compression lz4';
    end if;
end
$$;
