use std::collections::{HashMap, HashSet};

use magnitude_sharding::{Error, ShardFreshness, Shards};

/// The most used tags of the list.
const POPULAR: u16 = 50;
/// The fewest and the most of recently used ones.
const RECENT: usize = 50;
const MOST: usize = 1_000;
/// More candidates than this a shard does not name. The most used tags are exact while no shard has more tags above its share;
/// past that many nearly equal ones, which of them are listed is not.
const CANDIDATES: i64 = 5_000;
/// A tag has a row a bucket, so a shard gives more rows than the list has places.
const ROWS: i64 = 4_000;

/// The 50 most used tags and those used within the last minute, at least the 50 most recent, 1 000 in all at most.
pub async fn list(shards: &Shards, freshness: &ShardFreshness) -> Result<Vec<String>, Error> {
    let (popular, recent) = futures_util::try_join!(popular(shards, freshness), recent(shards, freshness))?;
    let mut tags = popular;
    for tag in recent {
        if tags.len() < MOST && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// In three questions to each shard, however the uses are spread. Its own most used tags give a count that the list's last tag
/// has at least; a tag that is used more than that is above an equal share of it on some shard, so the tags above their
/// share are all that can be in the list; those are counted.
async fn popular(shards: &Shards, freshness: &ShardFreshness) -> Result<Vec<String>, Error> {
    let top = sums(shards.fetch_from_all(freshness, TOP, |q| q.bind(i64::from(POPULAR))).await?);
    let last = top.get(usize::from(POPULAR) - 1).map_or(0, |(_, count)| *count);
    let share = last / i64::try_from(shards.names().len()).unwrap_or(i64::MAX);
    let above: Vec<(String,)> = shards.fetch_from_all(freshness, ABOVE, |q| q.bind(share).bind(CANDIDATES)).await?;
    let candidates: HashSet<_> = top.into_iter().map(|(tag, _)| tag).chain(above.into_iter().map(|(tag,)| tag)).collect();
    let candidates: Vec<_> = candidates.into_iter().collect();
    let counted = sums(shards.fetch_from_all(freshness, COUNTS, |q| q.bind(&candidates)).await?);
    Ok(counted.into_iter().take(usize::from(POPULAR)).map(|(tag, _)| tag).collect())
}

/// Adds what the shards counted; the most used first.
fn sums(counts: Vec<(String, i64)>) -> Vec<(String, i64)> {
    let mut sums: HashMap<String, i64> = HashMap::new();
    for (tag, count) in counts {
        *sums.entry(tag).or_default() += count;
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_unstable_by(|(a_tag, a), (b_tag, b)| b.cmp(a).then_with(|| a_tag.cmp(b_tag)));
    sums
}

/// Ages are told by each shard's own clock.
async fn recent(shards: &Shards, freshness: &ShardFreshness) -> Result<Vec<String>, Error> {
    let mut rows: Vec<(String, i64)> = shards.fetch_from_all(freshness, LATEST, |q| q.bind(ROWS)).await?;
    rows.sort_unstable_by_key(|(_, age)| *age);
    let mut tags: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for (tag, age_ms) in rows {
        if tags.len() >= RECENT && age_ms > 60_000 {
            break;
        }
        if seen.insert(tag.clone()) {
            tags.push(tag);
        }
    }
    Ok(tags)
}

pub(crate) const TOP: &str = "
    select tag, sum(articles)::bigint from tag_counts where articles > 0 and (select sharding.covers($1))
      and bucket in (select bucket from sharding.held)
    group by tag order by sum(articles) desc, tag limit $2";

pub(crate) const ABOVE: &str = "
    select tag from tag_counts where articles > 0 and (select sharding.covers($1))
      and bucket in (select bucket from sharding.held)
    group by tag having sum(articles) > $2::bigint order by sum(articles) desc, tag limit $3";

pub(crate) const COUNTS: &str = "
    select tag, sum(articles)::bigint from tag_counts
    where tag = any($2) and articles > 0 and (select sharding.covers($1))
      and bucket in (select bucket from sharding.held) group by tag";

pub(crate) const LATEST: &str = "
    select tag, (extract(epoch from clock_timestamp() - last_used_at) * 1000)::bigint from tag_counts
    where articles > 0 and (select sharding.covers($1))
      and bucket in (select bucket from sharding.held) order by last_used_at desc limit $2";
