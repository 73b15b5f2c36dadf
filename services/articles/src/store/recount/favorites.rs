//! How many favorited an article.

use magnitude_ids::{Bucket, Id};
use magnitude_sharding::{Error, Freshness, Shards, Write};

use super::{PAGE, Page};

/// Favorites that a page counts, by what is kept of their number; one article may have more.
const COUNTED: i64 = 100_000;

/// The articles of a page whose count differs.
pub async fn page(shards: &Shards, bucket: Bucket, after: i64) -> Result<Page<i64>, Error> {
    let bind = |q: magnitude_sharding::Binds| q.bind(after).bind(PAGE).bind(COUNTED);
    let page: Option<(Option<i64>, Vec<i64>)> = shards.fetch_optional(bucket, Freshness::Primary, FIND, bind).await?;
    Ok(page.unwrap_or_default().into())
}

/// Counts an article's favorites anew; whether that changed anything. The article must be [closed](crate::store::favorites::close): all who
/// favorite it wait, so the slots and the rows are those of one moment.
pub async fn mend(write: &mut Write, article: Id) -> Result<bool, Error> {
    let query = sqlx::query(MEND).bind(article.bucket().as_i16()).bind(article.as_i64());
    Ok(query.execute(&mut **write).await?.rows_affected() > 0)
}

pub(crate) const FIND: &str = "
    with page as (
        select id, kept, sum(kept) over (order by id) - kept as before
        from (select id from articles where bucket = $1 and id > $3 order by id limit $4) a
        cross join lateral (
            select coalesce(sum(favorites), 0)::bigint as kept from favorite_counts c where c.bucket = $1 and c.article = a.id) c),
    counted as (select id, kept from page where before < $5)
    select (select max(id) from counted having count(*) = $4 or count(*) < (select count(*) from page)),
           array(select id from counted
                 where kept <> (select count(*) from favorites f where f.bucket = $1 and f.article = counted.id and f.active))
    where (select sharding.owns($1, $2))";

pub(crate) const MEND: &str = "
    insert into favorite_counts as c (bucket, article, slot, favorites)
    select $1, $2, 0, missing from (
        select (select count(*) from favorites where bucket = $1 and article = $2 and active)
             - coalesce((select sum(favorites)::bigint from favorite_counts where bucket = $1 and article = $2), 0)) w (missing)
    where missing <> 0 and exists (select from articles where bucket = $1 and id = $2)
    on conflict (bucket, article, slot) do update set favorites = c.favorites + excluded.favorites";
