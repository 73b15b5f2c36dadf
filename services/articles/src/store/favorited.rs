//! Lists of what one user favorited.

use magnitude_cache::Cache;
use magnitude_ids::Id;
use magnitude_sharding::{Binds, Error, Freshness, ShardFreshness, Shards};

use super::{
    buckets, id,
    lists::{Listed, Window, merge},
    numbers,
};

/// From the mirror in the user's bucket.
pub async fn all(shards: &Shards, freshness: Freshness, user: Id, window: Window) -> Result<Listed, Error> {
    merge(window, shards.fetch_all(user.bucket(), freshness, ALL, |q| q.bind(user.as_i64()).bind(window.depth())).await?)
}

/// Those of one author, with a tag if one is given: all of it is in the author's bucket, so nothing is fetched to be thrown away.
pub async fn by_author(
    shards: &Shards,
    freshness: Freshness,
    user: Id,
    author: Id,
    tag: Option<&str>,
    window: Window,
) -> Result<Listed, Error> {
    let bind = |q: Binds| q.bind(author.as_i64()).bind(user.as_i64()).bind(tag).bind(window.depth());
    merge(window, shards.fetch_all(author.bucket(), freshness, BY_AUTHOR, bind).await?)
}

/// Those with a tag, counted one by one: the mirror is walked in steps of so many ids, newest first, and each step narrowed by
/// the shards of its articles. One step and one page are held at a time, however many favorites there are.
pub async fn by_tag(shards: &Shards, cache: &Cache, user: Id, tag: &str, window: Window, step: u16) -> Result<Listed, Error> {
    let upto = Window { limit: u32::try_from(window.depth()).unwrap_or(u32::MAX), offset: 0 };
    let (mut ids, mut count, mut below) = (Vec::new(), 0, i64::MAX);
    loop {
        let favorites = before(shards, cache, user, below, step).await?;
        let freshness = cache.freshness_of(&favorites.iter().map(|id| id.bucket()).collect::<Vec<_>>()).await;
        let hits = tagged(shards, &freshness, &favorites, tag, upto).await?;
        count += hits.count;
        // All of this step are older than those of the steps before.
        ids.extend(hits.ids.into_iter().take(upto.limit as usize - ids.len()));
        match favorites.last() {
            Some(last) if favorites.len() == usize::from(step) => below = last.as_i64(),
            _ => break,
        }
    }
    Ok(Listed { ids: ids.into_iter().skip(window.offset as usize).collect(), count })
}

/// The newest ids of the mirror below one.
async fn before(shards: &Shards, cache: &Cache, user: Id, below: i64, step: u16) -> Result<Vec<Id>, Error> {
    let freshness = cache.freshness(user.bucket()).await;
    let bind = |q: Binds| q.bind(user.as_i64()).bind(below).bind(i64::from(step));
    let rows: Vec<(i64,)> = shards.fetch_all(user.bucket(), freshness, BEFORE, bind).await?;
    Ok(rows.into_iter().map(|(number,)| id(number)).collect::<Result<_, _>>()?)
}

async fn tagged(shards: &Shards, freshness: &ShardFreshness, articles: &[Id], tag: &str, window: Window) -> Result<Listed, Error> {
    let bind = |q: Binds, ids: &[&Id]| q.bind(buckets(ids)).bind(numbers(ids)).bind(tag.to_owned()).bind(window.depth());
    merge(window, shards.fetch_grouped(articles, |id| id.bucket(), freshness, TAGGED, bind).await?)
}

pub(crate) const ALL: &str = "
    select array(select article from favorites_by_user where bucket = $1 and user_id = $3 and active order by article desc limit $4),
           coalesce((select articles from favoriters where bucket = $1 and user_id = $3), 0)
    where (select sharding.owns($1, $2))";

pub(crate) const BY_AUTHOR: &str = "
    with hits as materialized (
        select a.id from articles a
        join favorites f on f.bucket = a.bucket and f.article = a.id and f.user_id = $4 and f.active
        where a.bucket = $1 and a.author = $3
          and ($5::text is null or exists (select from article_tags t where t.bucket = a.bucket and t.article = a.id and t.tag = $5)))
    select array(select id from hits order by id desc limit $6), (select count(*) from hits)
    where (select sharding.owns($1, $2))";

pub(crate) const BEFORE: &str = "
    select article from favorites_by_user
    where (select sharding.owns($1, $2)) and bucket = $1 and user_id = $3 and active and article < $4
    order by article desc limit $5";

pub(crate) const TAGGED: &str = "
    with hits as materialized (
        select t.article from unnest($2::smallint[], $3::bigint[]) w (bucket, article)
        join article_tags t using (bucket, article) where t.tag = $4)
    select array(select article from hits order by article desc limit $5), (select count(*) from hits)
    where (select sharding.covers($1))";
