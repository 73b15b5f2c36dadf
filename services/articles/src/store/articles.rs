use std::time::SystemTime;

use magnitude_ids::Id;
use magnitude_sharding::{Error, Freshness, ShardFreshness, Shards, Write};
use sqlx::{FromRow, Row, postgres::PgRow};

use super::{buckets, id, numbers, tagging};
use crate::article::{Article, Changes, Head, NewArticle};

impl FromRow<'_, PgRow> for Head {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: id(row.try_get("id")?)?,
            author: id(row.try_get("author")?)?,
            title: row.try_get("title")?,
            description: row.try_get("description")?,
            tags: row.try_get("tags")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for Article {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self { head: Head::from_row(row)?, body: row.try_get("body")? })
    }
}

pub async fn find(shards: &Shards, freshness: Freshness, article: Id) -> Result<Option<Article>, Error> {
    shards.fetch_optional(article.bucket(), freshness, FIND, |q| q.bind(article.as_i64())).await
}

pub async fn heads(shards: &Shards, freshness: &ShardFreshness, articles: &[Id]) -> Result<Vec<Head>, Error> {
    shards.fetch_grouped(articles, |id| id.bucket(), freshness, HEADS, |q, ids| q.bind(buckets(ids)).bind(numbers(ids))).await
}

/// The article, locked against change and deletion until the transaction ends.
pub async fn lock(write: &mut Write, article: Id) -> Result<Option<Article>, Error> {
    Ok(sqlx::query_as(LOCK).bind(article.bucket().as_i16()).bind(article.as_i64()).fetch_optional(&mut **write).await?)
}

/// Inserts an article above its author's last one, and counts it.
pub async fn insert(write: &mut Write, author: Id, new: NewArticle) -> Result<Article, Error> {
    let head = loop {
        let number = next_id(write, author).await?;
        // Another author of this bucket may have drawn the same number in this millisecond: draw again.
        if let Some(head) = insert_row(write, author, number, &new).await? {
            break head;
        }
    };
    count(write, author, 1).await?;
    tagging::insert(write, head.id, &head.tags).await?;
    tagging::count(write, &[], &head.tags).await?;
    Ok(Article { head, body: new.body })
}

/// Locks the author's row and takes an id above the last, in the same bucket: one author's articles keep their order
/// whichever instances took them. The raise is that of `Id::raised_above`: a millisecond more, bucket and random bits kept.
async fn next_id(write: &mut Write, author: Id) -> Result<i64, Error> {
    let drawn = Id::new(author.bucket(), SystemTime::now());
    let query = sqlx::query_scalar(NEXT_ID).bind(author.bucket().as_i16()).bind(author.as_i64());
    Ok(query.bind(drawn.as_i64()).fetch_one(&mut **write).await?)
}

async fn insert_row(write: &mut Write, author: Id, number: i64, new: &NewArticle) -> Result<Option<Head>, Error> {
    Ok(sqlx::query_as(INSERT)
        .bind(author.bucket().as_i16())
        .bind(number)
        .bind(author.as_i64())
        .bind(&new.title)
        .bind(&new.description)
        .bind(&new.body)
        .bind(&new.tags)
        .bind(write.write_id())
        .fetch_optional(&mut **write)
        .await?)
}

/// Changes a locked article. `updated_at` grows by a millisecond at least, however fast changes follow.
pub async fn update(write: &mut Write, old: &Article, changes: Changes) -> Result<Article, Error> {
    if let Some(tags) = &changes.tags {
        tagging::replace(write, &old.head, tags).await?;
    }
    Ok(sqlx::query_as(UPDATE)
        .bind(old.head.id.bucket().as_i16())
        .bind(old.head.id.as_i64())
        .bind(changes.title)
        .bind(changes.description)
        .bind(changes.body)
        .bind(changes.tags)
        .fetch_one(&mut **write)
        .await?)
}

/// Deletes a locked article with all that hangs on it in its bucket. Returns who had favorited it, with the version of
/// that, since their mirrors live elsewhere; one bucket's users stand together. It is one statement for all favorites, so the
/// statement timeout bounds how many there may be.
pub async fn delete(write: &mut Write, old: &Head) -> Result<Vec<(Id, i64)>, Error> {
    let (bucket, article) = (old.id.bucket().as_i16(), old.id.as_i64());
    for sql in DELETE {
        sqlx::query(sql).bind(bucket).bind(article).execute(&mut **write).await?;
    }
    count(write, old.author, -1).await?;
    tagging::count(write, &old.tags, &[]).await?;
    let gone: Vec<(i64, i64)> = sqlx::query_as(DELETE_FAVORITES).bind(bucket).bind(article).fetch_all(&mut **write).await?;
    let gone = gone.into_iter().map(|(user, version)| Ok((id(user)?, version))).collect::<Result<Vec<_>, sqlx::Error>>();
    let mut gone = gone?;
    gone.sort_unstable_by_key(|(user, _)| (user.bucket(), *user));
    Ok(gone)
}

async fn count(write: &mut Write, author: Id, by: i64) -> Result<(), Error> {
    let bucket = author.bucket().as_i16();
    sqlx::query(COUNT_AUTHOR).bind(bucket).bind(author.as_i64()).bind(by).execute(&mut **write).await?;
    sqlx::query(COUNT_ALL).bind(bucket).bind(by).execute(&mut **write).await?;
    Ok(())
}

pub(crate) const FIND: &str = "
    select id, author, title, description, body, tags, version, created_at, updated_at from articles
    where (select sharding.owns($1, $2)) and bucket = $1 and id = $3";

pub(crate) const HEADS: &str = "
    select a.id, author, title, description, tags, version, created_at, updated_at
    from unnest($2::smallint[], $3::bigint[]) wanted (bucket, id) join articles a using (bucket, id)
    where (select sharding.covers($1))";

pub(crate) const LOCK: &str = "
    select id, author, title, description, body, tags, version, created_at, updated_at from articles
    where bucket = $1 and id = $2 for update";

pub(crate) const NEXT_ID: &str = "
    insert into authors as a (bucket, author, articles, last_article) values ($1, $2, 0, $3)
    on conflict (bucket, author) do update set last_article =
        case when a.last_article < $3 then $3 else (((a.last_article >> 22) + 1) << 22) | ($3 & 4194303) end
    returning last_article";

pub(crate) const INSERT: &str = "
    insert into articles (bucket, id, author, title, description, body, tags, created_at, updated_at, write_id)
    select $1, $2, $3, $4, $5, $6, $7, now, now, $8 from date_trunc('milliseconds', clock_timestamp()) now
    on conflict (bucket, id) do nothing
    returning id, author, title, description, tags, version, created_at, updated_at";

pub(crate) const UPDATE: &str = "
    update articles set title = coalesce($3, title), description = coalesce($4, description), body = coalesce($5, body),
        tags = coalesce($6, tags), version = version + 1,
        updated_at = greatest(date_trunc('milliseconds', clock_timestamp()), updated_at + interval '1 millisecond')
    where bucket = $1 and id = $2
    returning id, author, title, description, body, tags, version, created_at, updated_at";

pub(crate) const DELETE: [&str; 4] = [
    "delete from articles where bucket = $1 and id = $2",
    "delete from comments where bucket = $1 and article = $2",
    "delete from article_tags where bucket = $1 and article = $2",
    "delete from favorite_counts where bucket = $1 and article = $2",
];

pub(crate) const DELETE_FAVORITES: &str = "
    with gone as (delete from favorites where bucket = $1 and article = $2 returning user_id, version, active)
    select user_id, version from gone where active";

pub(crate) const COUNT_AUTHOR: &str = "update authors set articles = articles + $3 where bucket = $1 and author = $2";

pub(crate) const COUNT_ALL: &str = "
    insert into totals as t (bucket, articles) values ($1, $2) on conflict (bucket) do update set articles = t.articles + $2";
