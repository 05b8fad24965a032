-- A cancellation outlives the moment: whoever has the operation, or will be given it, is told.

alter table operations add column cancelled boolean not null default false;
