-- Everything about an article lives in its author's bucket, which the article's id names.
create table articles (
    bucket       smallint not null,
    id           bigint not null,
    author       bigint not null,
    title        text not null,
    description  text not null,
    body         text not null,
    tags         text[] not null,
    version      bigint not null default 1,
    last_comment bigint not null default 0,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    write_id     uuid not null,
    primary key (bucket, id)
);
create index articles_newest on articles (id desc);
create index articles_by_author on articles (bucket, author, id desc);
select sharding.protect('articles');

create table article_tags (
    bucket  smallint not null,
    article bigint not null,
    tag     text not null,
    primary key (bucket, article, tag)
);
create index article_tags_newest on article_tags (tag, article desc);
select sharding.protect('article_tags');

-- Maintained counts: of an author (with the last id, which the next must exceed), of a bucket, of a tag in a bucket.
create table authors (
    bucket       smallint not null,
    author       bigint not null,
    articles     bigint not null,
    last_article bigint not null,
    primary key (bucket, author)
);
select sharding.protect('authors');

create table totals (
    bucket   smallint not null primary key,
    articles bigint not null
);
select sharding.protect('totals');

create table tag_counts (
    bucket       smallint not null,
    tag          text not null,
    articles     bigint not null,
    last_used_at timestamptz not null,
    primary key (bucket, tag)
);
create index tag_counts_by_tag on tag_counts (tag) include (articles) where articles > 0;
create index tag_counts_recent on tag_counts (last_used_at desc) where articles > 0;
select sharding.protect('tag_counts');

create table comments (
    bucket     smallint not null,
    article    bigint not null,
    id         bigint not null check (id between 1 and 9007199254740991),
    author     bigint not null,
    body       text not null,
    created_at timestamptz not null,
    write_id   uuid not null,
    primary key (bucket, article, id)
);
select sharding.protect('comments');

-- Rows are never deleted while the article lives: `version` grows with each change, so a late mirror never wins.
create table favorites (
    bucket  smallint not null,
    article bigint not null,
    user_id bigint not null,
    active  boolean not null,
    version bigint not null,
    primary key (bucket, article, user_id)
);
select sharding.protect('favorites');

-- A favorite adds to one of several rows, so that many at once do not wait for one; readers sum them.
create table favorite_counts (
    bucket    smallint not null,
    article   bigint not null,
    slot      smallint not null,
    favorites bigint not null,
    primary key (bucket, article, slot)
);
select sharding.protect('favorite_counts');

-- Mirror of `favorites` in the bucket of the user, with its count.
create table favorites_by_user (
    bucket  smallint not null,
    user_id bigint not null,
    article bigint not null,
    active  boolean not null,
    version bigint not null,
    primary key (bucket, user_id, article)
);
create index favorites_by_user_newest on favorites_by_user (bucket, user_id, article desc) where active;
select sharding.protect('favorites_by_user');

create table favoriters (
    bucket   smallint not null,
    user_id  bigint not null,
    articles bigint not null,
    primary key (bucket, user_id)
);
select sharding.protect('favoriters');
