-- Who owns which bucket, as this shard knows it: the shards are the map.
create table sharding.buckets (
    bucket      smallint primary key check (bucket between 0 and 4095),
    state       text not null check (state in ('owned', 'fenced', 'released')),
    epoch       bigint not null check (epoch > 0),
    move_id     uuid,
    deadline    timestamptz,
    released_to text
);

-- Grows with every change of the table above, so that a read over many buckets proves with one number which it covered.
create table sharding.revision (
    one      boolean primary key default true check (one),
    revision bigint not null
);
insert into sharding.revision (revision) values (1);

create function sharding.bump_revision() returns trigger language plpgsql as $$
begin
    update sharding.revision set revision = revision + 1;
    return null;
end $$;

create trigger bump_revision after insert or update or delete on sharding.buckets
    for each statement execute function sharding.bump_revision();

-- The tables that move with a bucket.
create table sharding.tables (name text primary key);

-- The guard of every write. Volatile and READ COMMITTED only: each statement in it takes a new snapshot, so the state is
-- read after the wait for the lock; an older snapshot would pass a bucket that was released meanwhile.
-- 77301 is the name space of these locks; a fence takes the same one exclusively.
create function sharding.guard(b smallint) returns boolean language plpgsql volatile as $$
declare
    found_state text;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'the bucket guard needs READ COMMITTED' using errcode = 'MG003';
    end if;
    perform pg_advisory_xact_lock_shared(77301, b::int);
    select state into found_state from sharding.buckets where bucket = b;
    if found_state is distinct from 'owned' then
        raise exception 'bucket % is not owned here (%)', b, coalesce(found_state, 'unknown') using errcode = 'MG001';
    end if;
    perform set_config('sharding.guarded_' || b, '1', true);
    return true;
end $$;

-- Refuses a write whose transaction did not pass the guard of the row's bucket.
create function sharding.refuse_unguarded() returns trigger language plpgsql as $$
declare
    b smallint := case when tg_op = 'DELETE' then old.bucket else new.bucket end;
begin
    if coalesce(current_setting('sharding.guarded_' || b, true), '') <> '1' then
        raise exception 'a write to % skipped the guard of bucket %', tg_relid::regclass, b using errcode = 'MG002';
    end if;
    if tg_op = 'UPDATE' and new.bucket <> old.bucket then
        raise exception 'a row of % cannot change its bucket', tg_relid::regclass using errcode = 'MG002';
    end if;
    return case when tg_op = 'DELETE' then old else new end;
end $$;

-- Makes a table sharded: called once by the migration that creates it.
create function sharding.protect(name text) returns void language plpgsql as $$
begin
    execute format('create trigger a_guard before insert or update or delete on %s for each row execute function sharding.refuse_unguarded()', name::regclass);
    insert into sharding.tables (name) values (name::regclass::text);
end $$;

-- Reads of one bucket: fails unless this server's snapshot owns it in just this epoch.
create function sharding.owns(b smallint, e bigint) returns boolean language plpgsql stable as $$
begin
    if not exists (select from sharding.buckets where bucket = b and epoch = e and state in ('owned', 'fenced')) then
        raise exception 'bucket % is not owned here in epoch %', b, e using errcode = 'MG001';
    end if;
    return true;
end $$;

-- Reads of many buckets: fails unless the snapshot has just the buckets that the caller's map says.
create function sharding.covers(r bigint) returns boolean language plpgsql stable as $$
begin
    if not exists (select from sharding.revision where revision = r) then
        raise exception 'the bucket map is of another revision than %', r using errcode = 'MG001';
    end if;
    return true;
end $$;

-- One row a writing transaction: settles a commit whose answer was lost, and answers a repeated idempotency key.
create table sharding.writes (
    bucket      smallint not null,
    write_id    uuid not null,
    fingerprint bytea,
    status      smallint,
    answer      text,
    created_at  timestamptz not null default clock_timestamp(),
    primary key (bucket, write_id)
);
create index writes_by_age on sharding.writes (created_at);
select sharding.protect('sharding.writes');
