-- What readers are told, in the reader's bucket. Of a published article each follower is told once; of follows, comments and favorites a
-- reader has one row a kind and article while it is unread, which names the last actor and counts the others.
create table notifications (
    bucket  smallint not null,
    id      uuid not null default gen_random_uuid(),
    reader  bigint not null,
    kind    text not null check (kind in ('published', 'followed', 'commented', 'favorited')),
    -- As they were when it happened; the slug leads to the article whatever its title is now.
    article bigint,
    slug    text,
    title   text,
    actor   bigint not null,
    others  int not null default 0,
    at      timestamptz not null default clock_timestamp(),
    read    boolean not null default false,
    primary key (bucket, id),
    check ((article is null) = (kind = 'followed'))
);
create index notifications_by_reader on notifications (bucket, reader, at desc, id);
create unique index notifications_published on notifications (bucket, reader, article) where kind = 'published';
create unique index notifications_bundle on notifications (bucket, reader, kind, coalesce(article, 0)) where kind <> 'published' and not read;
-- For the trimming alone: rows come in the order of their age, so this one costs nearly nothing.
create index notifications_by_age on notifications using brin (at);
select sharding.protect('notifications');

-- Who is in a bundle: one who acts again is not counted again.
create table notification_actors (
    bucket       smallint not null,
    notification uuid not null,
    actor        bigint not null,
    primary key (bucket, notification, actor)
);
select sharding.protect('notification_actors');

-- How many notifications a reader has not read, changed with them.
create table unread (
    bucket smallint not null,
    reader bigint not null,
    count  bigint not null,
    primary key (bucket, reader)
);
select sharding.protect('unread');

-- Followers by the bucket in which they live themselves: a page of them is a few buckets. The shift and the mask are those of ids.
create index followers_by_home on followers (bucket, followee, ((follower >> 10) & 4095), follower) where active;
