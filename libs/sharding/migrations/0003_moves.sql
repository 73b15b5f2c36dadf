-- A move of buckets as each of its two sides knows it, so that a command that was killed can be taken up or undone.
create table sharding.moves (
    id         uuid primary key,
    side       text not null check (side in ('source', 'target')),
    peer       text not null,
    buckets    smallint[] not null,
    -- The server at the beginning: after a failover the copy starts again.
    system     bigint not null,
    timeline   int not null,
    step       text not null check (step in ('copying', 'drained', 'released', 'claimed', 'done', 'aborted')),
    started_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp()
);

-- Written in the transaction of a fence and copied with the data: where it shows, everything that was written before shows too.
create table sharding.markers (
    bucket  smallint not null,
    move_id uuid not null,
    primary key (bucket, move_id)
);

-- Rows of other buckets may be here: copies on the way in, leftovers on the way out. A statement over all of a shard's rows takes
-- only those of held buckets.
create view sharding.held as select bucket from sharding.buckets where state <> 'released';

create index buckets_fenced on sharding.buckets (deadline) where state = 'fenced';

-- The revision counts changes of what is held: a fence and its revert leave readers alone.
drop trigger bump_revision on sharding.buckets;
create trigger bump_revision after insert or delete on sharding.buckets
    for each statement execute function sharding.bump_revision();
create trigger bump_revision_on_update after update on sharding.buckets
    for each row when (old.epoch <> new.epoch or (old.state = 'released') <> (new.state = 'released'))
    execute function sharding.bump_revision();
