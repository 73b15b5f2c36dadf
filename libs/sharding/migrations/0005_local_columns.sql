-- Columns that each shard fills itself, like a place in its own log: copies of a row differ in them, and are equal all the same.
alter table sharding.tables add column local text[] not null default '{}';

create function sharding.keep_local(table_name text, columns text[]) returns void language sql as $$
    update sharding.tables set local = columns where name = table_name::regclass::text
$$;
