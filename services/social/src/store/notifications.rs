use chrono::{DateTime, Utc};
use magnitude_contract::social::About;
use magnitude_ids::Id;
use magnitude_sharding::{Error, Freshness, Shards, Write};
use serde::Deserialize;
use sqlx::{FromRow, PgConnection, types::Json};
use uuid::Uuid;

/// What bundles are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Followed,
    Commented,
    Favorited,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Followed => "followed",
            Self::Commented => "commented",
            Self::Favorited => "favorited",
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct Notification {
    pub id: Uuid,
    pub kind: String,
    pub slug: Option<String>,
    pub title: Option<String>,
    pub actor: i64,
    pub others: i32,
    pub at: DateTime<Utc>,
    pub read: bool,
}

/// A page of a reader's notifications, the newest first.
#[derive(Debug, Default, FromRow)]
pub struct Listed {
    /// Of all pages.
    pub unread: i64,
    pub page: Json<Vec<Notification>>,
}

/// The page and the count in one statement: read apart, one could know of a notification that the other does not.
pub async fn list(shards: &Shards, freshness: Freshness, reader: Id, limit: u32, offset: u32) -> Result<Listed, Error> {
    let bind = |q: magnitude_sharding::Binds| q.bind(reader.as_i64()).bind(i64::from(limit)).bind(i64::from(offset));
    Ok(shards.fetch_optional(reader.bucket(), freshness, LIST, bind).await?.unwrap_or_default())
}

/// Marks these as read, or all.
pub async fn mark_read(write: &mut Write, reader: Id, ids: Option<&[Uuid]>) -> Result<(), Error> {
    let bucket = write.bucket().as_i16();
    let connection: &mut PgConnection = write;
    sqlx::query(MARK_READ).bind(bucket).bind(reader.as_i64()).bind(ids).execute(connection).await?;
    Ok(())
}

/// Tells a reader of one actor: in the bundle that the reader has not read yet, or in a new one.
pub async fn bundle(write: &mut Write, reader: Id, kind: Kind, actor: Id, article: Option<&About>) -> Result<(), Error> {
    let bucket = write.bucket().as_i16();
    let (id, joins): (Uuid, bool) = sqlx::query_as(BUNDLE)
        .bind(bucket)
        .bind(reader.as_i64())
        .bind(kind.name())
        .bind(article.map(|article| article.id.as_i64()))
        .bind(article.map(|article| &*article.slug))
        .bind(article.map(|article| &*article.title))
        .bind(actor.as_i64())
        .fetch_one(&mut **write)
        .await?;
    if joins {
        sqlx::query(LEAD).bind(bucket).bind(id).bind(actor.as_i64()).execute(&mut **write).await?;
    }
    Ok(())
}

/// Tells readers who live on one shard of a new article: each once, however often this runs. Fails if one of their buckets has moved since.
pub async fn publish(shards: &Shards, shard: &str, readers: &[i64], author: Id, article: &About) -> Result<(), Error> {
    let mut homes: Vec<i16> = readers.iter().filter_map(|reader| Some(Id::from_i64(*reader)?.bucket().as_i16())).collect();
    homes.dedup();
    let bind = |q: magnitude_sharding::Binds| {
        q.bind(&homes[..]).bind(readers).bind(article.id.as_i64()).bind(&*article.slug).bind(&*article.title).bind(author.as_i64())
    };
    shards.execute_on::<(bool,)>(shard, PUBLISH, bind).await.map(drop)
}

/// Deletes some of what is older than so many days, on one shard; how many, so that the caller goes on until there are none.
pub async fn trim(shards: &Shards, shard: &str, days: i32) -> Result<i64, Error> {
    let deleted: Vec<(i64,)> = shards.execute_on(shard, TRIM, |q| q.bind(days)).await?;
    Ok(deleted.first().map_or(0, |(count,)| *count))
}

pub(crate) const LIST: &str = "
    select coalesce((select count from unread where bucket = $1 and reader = $3), 0) as unread,
           (select coalesce(json_agg(n order by at desc, id), '[]') from (
                select id, kind, slug, title, actor, others, at, read from notifications
                where bucket = $1 and reader = $3 order by at desc, id limit $4 offset $5) n) as page
    where (select sharding.owns($1, $2))";

pub(crate) const MARK_READ: &str = "
    with marked as (
        update notifications set read = true
        where bucket = $1 and reader = $2 and not read and ($3::uuid[] is null or id = any($3)) returning 1)
    update unread set count = count - (select count(*) from marked) where bucket = $1 and reader = $2";

/// Opens a bundle or finds the open one, and has the actor in it; whether one joined whom the bundle is to name and count. A row that this
/// statement made has no older version.
pub(crate) const BUNDLE: &str = "
    with open as (
        insert into notifications (bucket, reader, kind, article, slug, title, actor) values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (bucket, reader, kind, coalesce(article, 0)) where kind <> 'published' and not read do update set at = clock_timestamp()
        returning id, xmax = 0 as new),
    joined as (
        insert into notification_actors (bucket, notification, actor) select $1, id, $7 from open on conflict do nothing returning 1),
    counted as (
        insert into unread as u (bucket, reader, count) select $1, $2, 1 from open where new
        on conflict (bucket, reader) do update set count = u.count + 1)
    select id, not new and exists (select from joined) from open";

/// A statement of its own: one changes a row only once.
pub(crate) const LEAD: &str = "
    update notifications set actor = $3, others = others + 1 where bucket = $1 and id = $2";

/// In the order of the readers, as in every such statement: two articles that go to the same readers do not wait for each other in a circle.
/// The shift and the mask are those of ids.
pub(crate) const PUBLISH: &str = "
    with new as (
        insert into notifications (bucket, reader, kind, article, slug, title, actor)
        select ((reader >> 10) & 4095)::smallint, reader, 'published', $3, $4, $5, $6 from unnest($2::bigint[]) r (reader)
        where (select bool_and(sharding.guard(home)) from unnest($1::smallint[]) h (home)) order by reader
        on conflict (bucket, reader, article) where kind = 'published' do nothing
        returning bucket, reader)
    insert into unread as u (bucket, reader, count) select bucket, reader, 1 from new order by reader
    on conflict (bucket, reader) do update set count = u.count + 1";

pub(crate) const TRIM: &str = "
    with old as (
        select bucket, id from notifications n
        where at < now() - $1 * interval '1 day'
          and exists (select from sharding.buckets b where b.bucket = n.bucket and b.state = 'owned')
        limit 1000 for update skip locked),
    gone as (
        delete from notifications n using old
        where n.bucket = old.bucket and n.id = old.id and sharding.guard(old.bucket)
        returning n.bucket, n.reader, n.id, n.read),
    actors as (
        delete from notification_actors a using gone where a.bucket = gone.bucket and a.notification = gone.id),
    counted as (
        update unread u set count = u.count - g.count
        from (select bucket, reader, count(*) from gone where not read group by bucket, reader) g
        where u.bucket = g.bucket and u.reader = g.reader)
    select count(*) from gone";
