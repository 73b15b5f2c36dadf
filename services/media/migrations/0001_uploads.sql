-- Uploads, in the owner's bucket. A row goes a day after its upload unless a user uses one of its variants.
create table uploads (
    bucket     smallint not null,
    id         bigint not null,
    owner      bigint not null,
    status     text not null default 'processing' check (status in ('processing', 'ready', 'rejected')),
    reason     text,
    -- The object with what was uploaded, until it is decoded.
    staged     text not null,
    version    bigint not null default 1,
    created_at timestamptz not null default clock_timestamp(),
    -- Tells two that drew one id apart.
    write_id   uuid not null,
    primary key (bucket, id),
    check ((status = 'rejected') = (reason is not null))
);
select sharding.protect('uploads');

-- What was made of an upload: contents by their hash, which several uploads may have in common.
create table variants (
    bucket smallint not null,
    upload bigint not null,
    width  int not null,
    height int not null,
    hash   text not null,
    primary key (bucket, upload, width)
);
-- Who has this content, on any shard: an object is deleted only if nobody has.
create index variants_by_hash on variants (hash);
select sharding.protect('variants');

-- Contents in the object store, in the bucket of their hash: where those who want one and the collector that deletes it meet. It is touched
-- before it is wanted, and doomed before it is deleted; what is doomed cannot be touched.
create table objects (
    bucket     smallint not null,
    hash       text not null,
    touched_at timestamptz not null default clock_timestamp(),
    doomed_at  timestamptz,
    primary key (bucket, hash)
);
select sharding.protect('objects');
