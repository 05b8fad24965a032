-- How the other gateways reach the one that holds a connection; empty: they do not.

alter table links add column address text not null default '';
