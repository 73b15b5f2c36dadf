//! Counts of rows in the same bucket. Each statement takes what is missing of a count from one snapshot and adds that to the count as it is
//! now. A write changes a count by as much as it changes the rows, so what is missing is the same after it, and none that comes in between
//! is lost; nobody waits but for the row of a count that was wrong. Only two of these at once would add the same twice: they run in
//! transactions that are alone in the bucket.
//!
//! A count that has no row is there again after this; what is taken off in just that moment finds no row yet, and is missing until the
//! next recount.

use magnitude_sharding::{Error, Write};

use super::{PAGE, Page};

/// Articles of authors.
pub async fn authors(write: &mut Write, after: i64) -> Result<Page<i64>, Error> {
    paged(write, AUTHORS, after).await
}

/// Articles that users favorited, by the mirror.
pub async fn favoriters(write: &mut Write, after: i64) -> Result<Page<i64>, Error> {
    paged(write, FAVORITERS, after).await
}

async fn paged(write: &mut Write, sql: &'static str, after: i64) -> Result<Page<i64>, Error> {
    let query = sqlx::query_as(sql).bind(write.bucket().as_i16()).bind(after).bind(PAGE);
    Ok(query.fetch_one(&mut **write).await.map(<(Option<i64>, Vec<i64>)>::into)?)
}

/// Articles of the bucket; whether their number was wrong.
pub async fn total(write: &mut Write) -> Result<bool, Error> {
    Ok(sqlx::query(TOTAL).bind(write.bucket().as_i16()).execute(&mut **write).await?.rows_affected() > 0)
}

/// Articles of each tag; which tags were wrong. All of the bucket at once: nothing has its tags in their order.
pub async fn tags(write: &mut Write) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar(TAGS).bind(write.bucket().as_i16()).fetch_all(&mut **write).await?)
}

/// The second way to the keys steps from one to the next, however many rows each has. A row that was lost gets the highest id again, which
/// the author's next article must exceed.
pub(crate) const AUTHORS: &str = "
    with recursive writing (author) as (
        (select author from articles where bucket = $1 and author > $2 order by author limit 1)
        union all
        select (select a.author from articles a where a.bucket = $1 and a.author > w.author order by a.author limit 1)
        from writing w where w.author is not null),
    page as (
        (select author from authors where bucket = $1 and author > $2 order by author limit $3)
        union (select author from writing where author is not null limit $3)
        order by 1 limit $3),
    wrong as (
        select page.author, found.articles - coalesce(kept.articles, 0) as missing, found.last
        from page left join authors kept on kept.bucket = $1 and kept.author = page.author
        cross join lateral (
            select count(*) as articles, coalesce(max(id), 0) as last from articles a where a.bucket = $1 and a.author = page.author) found
        where found.articles <> coalesce(kept.articles, 0)),
    mended as (
        insert into authors as k (bucket, author, articles, last_article) select $1, author, missing, last from wrong order by author
        on conflict (bucket, author) do update set articles = k.articles + excluded.articles
        returning author)
    select (select max(author) from page having count(*) = $3), array(select author from mended)";

pub(crate) const FAVORITERS: &str = "
    with recursive mirrored (user_id) as (
        (select user_id from favorites_by_user where bucket = $1 and user_id > $2 order by user_id limit 1)
        union all
        select (select f.user_id from favorites_by_user f where f.bucket = $1 and f.user_id > m.user_id order by f.user_id limit 1)
        from mirrored m where m.user_id is not null),
    page as (
        (select user_id from favoriters where bucket = $1 and user_id > $2 order by user_id limit $3)
        union (select user_id from mirrored where user_id is not null limit $3)
        order by 1 limit $3),
    wrong as (
        select page.user_id, found.articles - coalesce(kept.articles, 0) as missing
        from page left join favoriters kept on kept.bucket = $1 and kept.user_id = page.user_id
        cross join lateral (
            select count(*) as articles from favorites_by_user f where f.bucket = $1 and f.user_id = page.user_id and f.active) found
        where found.articles <> coalesce(kept.articles, 0)),
    mended as (
        insert into favoriters as k (bucket, user_id, articles) select $1, user_id, missing from wrong order by user_id
        on conflict (bucket, user_id) do update set articles = k.articles + excluded.articles
        returning user_id)
    select (select max(user_id) from page having count(*) = $3), array(select user_id from mended)";

pub(crate) const TOTAL: &str = "
    insert into totals as k (bucket, articles)
    select $1, missing from (
        select (select count(*) from articles where bucket = $1) - coalesce((select articles from totals where bucket = $1), 0)) w (missing)
    where missing <> 0
    on conflict (bucket) do update set articles = k.articles + excluded.articles";

/// In the order of the tags' names, as every statement that counts several. When a tag whose row was lost was used last is not known.
pub(crate) const TAGS: &str = "
    insert into tag_counts as k (bucket, tag, articles, last_used_at)
    select $1, tag, coalesce(found.articles, 0) - coalesce(kept.articles, 0), 'epoch'
    from (select tag, articles from tag_counts where bucket = $1) kept
    full join (select tag, count(*) as articles from article_tags where bucket = $1 group by tag) found using (tag)
    where coalesce(found.articles, 0) <> coalesce(kept.articles, 0) order by tag
    on conflict (bucket, tag) do update set articles = k.articles + excluded.articles
    returning tag";
