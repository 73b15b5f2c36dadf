create schema if not exists jobs;

-- Work that must follow a write, written in its transaction: the row goes when the work is done.
create table jobs.jobs (
    bucket     smallint not null,
    id         uuid not null,
    kind       text not null,
    payload    jsonb not null,
    attempt    int not null default 0,
    due_at     timestamptz not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (bucket, id)
);
create index jobs_by_due on jobs.jobs (due_at);
select sharding.protect('jobs.jobs');

-- What was given up, kept to be read and replayed.
create table jobs.dead (
    bucket     smallint not null,
    id         uuid not null,
    kind       text not null,
    payload    jsonb not null,
    attempt    int not null,
    reason     text not null,
    created_at timestamptz not null,
    died_at    timestamptz not null default clock_timestamp(),
    primary key (bucket, id)
);
select sharding.protect('jobs.dead');

-- The log of what was changed, in the order of transactions: read with a cursor that never passes the oldest running one.
create table jobs.events (
    bucket     smallint not null,
    id         uuid not null,
    xid        xid8 not null default pg_current_xact_id(),
    seq        bigint generated always as identity,
    kind       text not null,
    payload    jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (bucket, id)
);
create index events_by_order on jobs.events (xid, seq);
select sharding.protect('jobs.events');
