-- Who follows whom: the truth, in the follower's bucket. A row is never deleted, so that its version only grows.
create table follows (
    bucket     smallint not null,
    follower   bigint not null,
    followee   bigint not null,
    active     boolean not null,
    version    bigint not null,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (bucket, follower, followee),
    check (follower <> followee)
);
select sharding.protect('follows');

-- The same, from the other side: a mirror in the followee's bucket. Of two changes the higher version counts, so one that
-- comes late or twice changes nothing.
create table followers (
    bucket   smallint not null,
    followee bigint not null,
    follower bigint not null,
    active   boolean not null,
    version  bigint not null,
    primary key (bucket, followee, follower)
);
select sharding.protect('followers');
