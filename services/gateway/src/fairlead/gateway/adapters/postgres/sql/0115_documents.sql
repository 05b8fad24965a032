-- What is told with a document beside its bytes: its media type, ETag and date. SQL of PostgreSQL 10.

alter table documents add column headers jsonb not null default '{}';
