-- Lanes, retries that are told apart, unique jobs, children, and what the relay has handed to the broker.
alter table jobs.jobs
    add column lane            text not null default 'default',
    add column version         int not null default 1,
    -- Counts how often the row was put off: a delivery of an earlier turn is stale.
    add column turn            int not null default 0,
    add column max_tries       int not null default 12,
    -- The broker has it; past this moment it is published again.
    add column published_until timestamptz,
    add column unique_key      text,
    add column parent          uuid,
    add column traceparent     text;
-- Of two moments the later one: `greatest` leaves out what is null.
create index jobs_by_lane on jobs.jobs (lane, greatest(due_at, published_until));
create unique index jobs_unique on jobs.jobs (bucket, kind, unique_key) where unique_key is not null;

alter table jobs.dead
    add column lane        text not null default 'default',
    add column version     int not null default 1,
    add column max_tries   int not null default 12,
    add column unique_key  text,
    add column parent      uuid,
    add column traceparent text;

-- The jobs whose effect shows in this bucket: written in the effect's transaction, so that it shows once.
create table jobs.processed (
    bucket smallint not null,
    id     uuid not null,
    at     timestamptz not null default clock_timestamp(),
    primary key (bucket, id)
);
create index processed_by_age on jobs.processed (at);
select sharding.protect('jobs.processed');

-- The last tick of a schedule, in the bucket of its name: whoever raises it leads that tick.
create table jobs.schedules (
    bucket smallint not null,
    name   text not null,
    tick   bigint not null,
    primary key (bucket, name)
);
select sharding.protect('jobs.schedules');

-- Lanes that rest, as an operator told every shard. It belongs to the shard and moves nowhere.
create table jobs.paused (
    lane  text primary key,
    since timestamptz not null default clock_timestamp()
);
