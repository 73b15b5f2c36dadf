use std::collections::HashMap;

use magnitude_sharding::{Error, ShardFreshness, Shards};

/// The most used tags of the list.
const POPULAR: usize = 50;
/// The fewest and the most of recently used ones.
const RECENT: usize = 50;
const MOST: usize = 1_000;
/// How many of its most used tags a shard names: a tag among the first 50 of all is among these of some shard, or as
/// little used as the last of them.
const CANDIDATES: i64 = 200;

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

async fn popular(shards: &Shards, freshness: &ShardFreshness) -> Result<Vec<String>, Error> {
    let candidates = "select tag from tag_counts where articles > 0 and (select sharding.covers($1))
                      group by tag order by sum(articles) desc, tag limit $2";
    let candidates: Vec<(String,)> = shards.fetch_from_all(freshness, candidates, |q| q.bind(CANDIDATES)).await?;
    let candidates: Vec<_> = candidates.into_iter().map(|(tag,)| tag).collect();
    let counts = "select tag, sum(articles)::bigint from tag_counts where tag = any($2) and articles > 0 and (select sharding.covers($1)) group by tag";
    let counts: Vec<(String, i64)> = shards.fetch_from_all(freshness, counts, |q| q.bind(&candidates)).await?;
    let mut sums: HashMap<String, i64> = HashMap::new();
    for (tag, count) in counts {
        *sums.entry(tag).or_default() += count;
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_unstable_by(|(a_tag, a), (b_tag, b)| b.cmp(a).then_with(|| a_tag.cmp(b_tag)));
    Ok(sums.into_iter().take(POPULAR).map(|(tag, _)| tag).collect())
}

async fn recent(shards: &Shards, freshness: &ShardFreshness) -> Result<Vec<String>, Error> {
    // A tag has a row a bucket, so a shard gives more rows than the list has places. Ages are told by the shard's own clock.
    let sql = "select tag, (extract(epoch from clock_timestamp() - last_used_at) * 1000)::bigint from tag_counts
               where articles > 0 and (select sharding.covers($1)) order by last_used_at desc limit $2";
    let mut rows: Vec<(String, i64)> = shards.fetch_from_all(freshness, sql, |q| q.bind(4 * 1_000_i64)).await?;
    rows.sort_unstable_by_key(|(_, age)| *age);
    let mut tags: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
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
