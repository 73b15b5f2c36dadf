//! The rows of articles' tags, by which lists find them. The article itself says which it has.

use magnitude_ids::{Bucket, Id};
use magnitude_sharding::{Error, Freshness, Shards, Write};

use super::{PAGE, Page};
use crate::store::tagging;

/// The articles of a page whose rows differ, those included that are no longer there.
pub async fn page(shards: &Shards, bucket: Bucket, after: i64) -> Result<Page<i64>, Error> {
    let bind = |q: magnitude_sharding::Binds| q.bind(after).bind(PAGE);
    let page: Option<(Option<i64>, Vec<i64>)> = shards.fetch_optional(bucket, Freshness::Primary, FIND, bind).await?;
    Ok(page.unwrap_or_default().into())
}

/// Gives a locked article just these rows; the tags that changed.
pub async fn mend(write: &mut Write, article: Id, tags: &[String]) -> Result<Vec<String>, Error> {
    let bucket = article.bucket().as_i16();
    let rows: Vec<String> = sqlx::query_scalar(ROWS).bind(bucket).bind(article.as_i64()).fetch_all(&mut **write).await?;
    let gone: Vec<_> = rows.iter().filter(|tag| !tags.contains(tag)).cloned().collect();
    let new: Vec<_> = tags.iter().filter(|tag| !rows.contains(tag)).cloned().collect();
    tagging::delete(write, article, &gone).await?;
    tagging::insert(write, article, &new).await?;
    Ok(gone.into_iter().chain(new).collect())
}

pub(crate) const FIND: &str = "
    with recursive tagged (article) as (
        (select article from article_tags where bucket = $1 and article > $3 order by article limit 1)
        union all
        select (select t.article from article_tags t where t.bucket = $1 and t.article > g.article order by t.article limit 1)
        from tagged g where g.article is not null),
    page as (
        (select id from articles where bucket = $1 and id > $3 order by id limit $4)
        union (select article from tagged where article is not null limit $4)
        order by 1 limit $4)
    select (select max(id) from page having count(*) = $4),
           array(select page.id from page left join articles a on a.bucket = $1 and a.id = page.id
                 where array(select tag from unnest(a.tags) w (tag) order by tag)
                    <> array(select tag from article_tags t where t.bucket = $1 and t.article = page.id order by tag))
    where (select sharding.owns($1, $2))";

pub(crate) const ROWS: &str = "select tag from article_tags where bucket = $1 and article = $2";
