create table users (
    bucket        smallint not null,
    id            bigint not null,
    username      text not null,
    email         text not null,
    password_hash text not null,
    bio           text,
    image         text,
    version       bigint not null default 1,
    created_at    timestamptz not null default clock_timestamp(),
    -- The write that made the user: a registration that comes again with its idempotency key is known by it.
    write_id      uuid not null,
    primary key (bucket, id)
);
select sharding.protect('users');

-- Look-ups that make usernames and emails unique across shards, in the bucket of the name. The user's row is the truth: a row here
-- counts only if the user's row names it.
create table names (
    bucket     smallint not null,
    kind       text not null check (kind in ('username', 'email')),
    name       text not null,
    user_id    bigint not null,
    -- The write of the user's row that this one waits for, and the version that it makes.
    write_id   uuid not null,
    version    bigint not null,
    confirmed  boolean not null default false,
    expires_at timestamptz not null,
    primary key (bucket, kind, name)
);
create index names_unconfirmed on names (expires_at) where not confirmed;
select sharding.protect('names');

create table sessions (
    bucket       smallint not null,
    id           bigint not null,
    token_hash   bytea not null,
    user_id      bigint not null,
    device       text not null,
    created_at   timestamptz not null,
    last_used_at timestamptz not null,
    expires_at   timestamptz not null,
    revoked_at   timestamptz,
    primary key (bucket, id)
);
create unique index sessions_by_hash on sessions (bucket, token_hash);
create index sessions_by_user on sessions (bucket, user_id);
select sharding.protect('sessions');
