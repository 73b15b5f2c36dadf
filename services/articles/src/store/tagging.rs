//! The tags of an article, and how often each is used in the bucket.

use magnitude_ids::Id;
use magnitude_sharding::{Error, Write};

use crate::article::Head;

pub async fn insert(write: &mut Write, article: Id, tags: &[String]) -> Result<(), Error> {
    sqlx::query(INSERT).bind(article.bucket().as_i16()).bind(article.as_i64()).bind(tags).execute(&mut **write).await?;
    Ok(())
}

pub async fn delete(write: &mut Write, article: Id, tags: &[String]) -> Result<(), Error> {
    sqlx::query(DELETE).bind(article.bucket().as_i16()).bind(article.as_i64()).bind(tags).execute(&mut **write).await?;
    Ok(())
}

/// Gives a locked article other tags.
pub async fn replace(write: &mut Write, old: &Head, tags: &[String]) -> Result<(), Error> {
    let gone: Vec<_> = old.tags.iter().filter(|tag| !tags.contains(tag)).cloned().collect();
    let new: Vec<_> = tags.iter().filter(|tag| !old.tags.contains(tag)).cloned().collect();
    delete(write, old.id, &gone).await?;
    insert(write, old.id, &new).await?;
    count(write, &gone, &new).await
}

/// Counts what an article lost and got, no tag twice. One statement in the order of the tags' names, and the last lock that a
/// transaction takes: two that swap tags never wait for each other in a ring.
pub async fn count(write: &mut Write, gone: &[String], new: &[String]) -> Result<(), Error> {
    if gone.is_empty() && new.is_empty() {
        return Ok(());
    }
    let tags: Vec<_> = gone.iter().chain(new).collect();
    let deltas: Vec<i64> = gone.iter().map(|_| -1).chain(new.iter().map(|_| 1)).collect();
    let bucket = write.bucket().as_i16();
    sqlx::query(COUNT).bind(bucket).bind(&tags).bind(&deltas).execute(&mut **write).await?;
    Ok(())
}

pub(crate) const INSERT: &str = "
    insert into article_tags (bucket, article, tag) select $1, $2, tag from unnest($3::text[]) tag";

pub(crate) const DELETE: &str = "delete from article_tags where bucket = $1 and article = $2 and tag = any($3)";

pub(crate) const COUNT: &str = "
    insert into tag_counts as t (bucket, tag, articles, last_used_at)
    select $1, tag, delta, clock_timestamp() from unnest($2::text[], $3::bigint[]) d (tag, delta) order by tag
    on conflict (bucket, tag) do update set articles = t.articles + excluded.articles,
        last_used_at = case when excluded.articles > 0 then excluded.last_used_at else t.last_used_at end";
