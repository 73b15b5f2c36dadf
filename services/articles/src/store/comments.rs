use magnitude_ids::Id;
use magnitude_sharding::{Error, Freshness, Shards, Write};
use sqlx::{FromRow, Row, postgres::PgRow};

use super::id;
use crate::article::Comment;

/// More comments than this are not listed: the newest are.
const LISTED: i64 = 10_000;

impl FromRow<'_, PgRow> for Comment {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            author: id(row.try_get("author")?)?,
            body: row.try_get("body")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

/// Newest last.
pub async fn list(shards: &Shards, freshness: Freshness, article: Id) -> Result<Vec<Comment>, Error> {
    shards.fetch_all(article.bucket(), freshness, LIST, |q| q.bind(article.as_i64()).bind(LISTED)).await
}

/// Adds a comment; nothing when the article is not there. The id, 41 bits of milliseconds and 12 more, fits a JavaScript
/// number; the article's row keeps the last one, so it grows and is unique in its article.
pub async fn insert(write: &mut Write, article: Id, author: Id, body: &str) -> Result<Option<Comment>, Error> {
    Ok(sqlx::query_as(INSERT)
        .bind(article.bucket().as_i16())
        .bind(article.as_i64())
        .bind(author.as_i64())
        .bind(body)
        .bind(write.write_id())
        .fetch_optional(&mut **write)
        .await?)
}

/// Who wrote a comment, locked until the transaction ends.
pub async fn lock(write: &mut Write, article: Id, comment: i64) -> Result<Option<i64>, Error> {
    Ok(sqlx::query_scalar(LOCK).bind(article.bucket().as_i16()).bind(article.as_i64()).bind(comment).fetch_optional(&mut **write).await?)
}

pub async fn delete(write: &mut Write, article: Id, comment: i64) -> Result<(), Error> {
    sqlx::query(DELETE).bind(article.bucket().as_i16()).bind(article.as_i64()).bind(comment).execute(&mut **write).await?;
    Ok(())
}

pub(crate) const LIST: &str = "
    select * from (
        select id, author, body, created_at from comments
        where (select sharding.owns($1, $2)) and bucket = $1 and article = $3 order by id desc limit $4) newest
    order by id";

pub(crate) const INSERT: &str = "
    with next as (
        update articles set last_comment = greatest(last_comment + 1,
            ((extract(epoch from clock_timestamp()) * 1000)::bigint - 1735689600000) << 12)
        where bucket = $1 and id = $2 returning last_comment)
    insert into comments (bucket, article, id, author, body, created_at, write_id)
    select $1, $2, last_comment, $3, $4, date_trunc('milliseconds', clock_timestamp()), $5 from next
    returning id, author, body, created_at";

pub(crate) const LOCK: &str = "
    select author from comments where bucket = $1 and article = $2 and id = $3 for update";

pub(crate) const DELETE: &str = "delete from comments where bucket = $1 and article = $2 and id = $3";
