//! Pages of ids, newest first, with the number of all matches. Every list reads at most `offset + limit` ids a shard.

use std::collections::HashMap;

use magnitude_ids::Id;
use magnitude_sharding::{Binds, Error, Freshness, ShardFreshness, Shards};
use serde::{Deserialize, Serialize};

use super::{buckets, id, numbers};

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub limit: u32,
    pub offset: u32,
}

impl Window {
    /// How many ids each shard must give for the merged page to be right.
    pub fn depth(self) -> i64 {
        i64::from(self.limit) + i64::from(self.offset)
    }

    /// Merges what the shards gave: ids sort by time, whatever their bucket.
    fn cut(self, mut ids: Vec<i64>) -> Result<Vec<Id>, Error> {
        ids.sort_unstable_by(|a, b| b.cmp(a));
        let page = ids.into_iter().skip(self.offset as usize).take(self.limit as usize);
        Ok(page.map(id).collect::<Result<_, _>>()?)
    }
}

/// One page and the number of all matches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    pub ids: Vec<Id>,
    pub count: i64,
}

/// A shard's answer: its newest ids and its count, in one snapshot.
pub(super) type Part = (Vec<i64>, i64);

pub(super) fn merge(window: Window, parts: Vec<Part>) -> Result<Listed, Error> {
    let count = parts.iter().map(|(_, count)| count).sum();
    let ids = window.cut(parts.into_iter().flat_map(|(ids, _)| ids).collect())?;
    Ok(Listed { ids, count })
}

pub async fn all(shards: &Shards, freshness: &ShardFreshness, window: Window) -> Result<Listed, Error> {
    merge(window, shards.fetch_from_all(freshness, ALL, |q| q.bind(window.depth())).await?)
}

pub async fn by_tag(shards: &Shards, freshness: &ShardFreshness, tag: &str, window: Window) -> Result<Listed, Error> {
    merge(window, shards.fetch_from_all(freshness, BY_TAG, |q| q.bind(window.depth()).bind(tag)).await?)
}

/// An author's articles, of one tag if that is asked: then they are counted one by one.
pub async fn by_author(shards: &Shards, freshness: Freshness, author: Id, tag: Option<&str>, window: Window) -> Result<Listed, Error> {
    let bind = |q: Binds| {
        let q = q.bind(author.as_i64()).bind(window.depth());
        if let Some(tag) = tag { q.bind(tag) } else { q }
    };
    let sql = if tag.is_some() { BY_AUTHOR_AND_TAG } else { BY_AUTHOR };
    merge(window, shards.fetch_all(author.bucket(), freshness, sql, bind).await?)
}

/// The articles of the given authors: each shard takes the newest of each of its authors, then the newest of those.
pub async fn feed(shards: &Shards, freshness: &ShardFreshness, authors: &[Id], window: Window) -> Result<Listed, Error> {
    let bind = |q: Binds, ids: &[&Id]| q.bind(buckets(ids)).bind(numbers(ids)).bind(window.depth());
    merge(window, shards.fetch_grouped(authors, |id| id.bucket(), freshness, FEED, bind).await?)
}

/// Each author's newest articles, at most so many, with the number of all: what [`feed`] is made of, to be merged by [`merge_newest`].
pub async fn newest(shards: &Shards, freshness: &ShardFreshness, authors: &[Id], most: i64) -> Result<HashMap<Id, Listed>, Error> {
    let bind = |q: Binds, ids: &[&Id]| q.bind(buckets(ids)).bind(numbers(ids)).bind(most);
    let rows: Vec<(i64, Vec<i64>, i64)> = shards.fetch_grouped(authors, |id| id.bucket(), freshness, NEWEST, bind).await?;
    let listed = rows
        .into_iter()
        .map(|(author, ids, count)| Ok((id(author)?, Listed { ids: ids.into_iter().map(id).collect::<Result<_, _>>()?, count })));
    Ok(listed.collect::<Result<_, sqlx::Error>>()?)
}

/// A feed's page from its authors' newest, of which each has as many as the window is deep, or all.
pub fn merge_newest<'a>(window: Window, newest: impl Iterator<Item = &'a Listed>) -> Listed {
    let (mut ids, mut count) = (Vec::<Id>::new(), 0);
    for listed in newest {
        ids.extend(&listed.ids);
        count += listed.count;
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    Listed { ids: ids.into_iter().skip(window.offset as usize).take(window.limit as usize).collect(), count }
}

pub(crate) const ALL: &str = "
    select array(select id from articles where bucket in (select bucket from sharding.held) order by id desc limit $2),
           (select coalesce(sum(articles), 0)::bigint from totals where bucket in (select bucket from sharding.held))
    where (select sharding.covers($1))";

pub(crate) const BY_TAG: &str = "
    select array(select article from article_tags where tag = $3 and bucket in (select bucket from sharding.held)
                 order by article desc limit $2),
           (select coalesce(sum(articles), 0)::bigint from tag_counts where tag = $3 and articles > 0 and bucket in (select bucket from sharding.held))
    where (select sharding.covers($1))";

pub(crate) const BY_AUTHOR: &str = "
    select array(select id from articles where bucket = $1 and author = $3 order by id desc limit $4),
           coalesce((select articles from authors where bucket = $1 and author = $3), 0)
    where (select sharding.owns($1, $2))";

pub(crate) const BY_AUTHOR_AND_TAG: &str = "
    with hits as materialized (
        select a.id from articles a join article_tags t on t.bucket = a.bucket and t.article = a.id
        where a.bucket = $1 and a.author = $3 and t.tag = $5)
    select array(select id from hits order by id desc limit $4), (select count(*) from hits)
    where (select sharding.owns($1, $2))";

pub(crate) const NEWEST: &str = "
    select f.author,
           array(select id from articles a where a.bucket = f.bucket and a.author = f.author order by id desc limit $4),
           coalesce((select articles from authors n where n.bucket = f.bucket and n.author = f.author), 0)
    from unnest($2::smallint[], $3::bigint[]) f (bucket, author) where (select sharding.covers($1))";

pub(crate) const FEED: &str = "
    with followed as materialized (select * from unnest($2::smallint[], $3::bigint[]) f (bucket, author))
    select array(select newest.id from followed f cross join lateral (
               select id from articles a where a.bucket = f.bucket and a.author = f.author order by id desc limit $4) newest
           order by newest.id desc limit $4),
           (select coalesce(sum(articles), 0)::bigint from authors join followed using (bucket, author))
    where (select sharding.covers($1))";
