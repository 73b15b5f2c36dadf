//! What is kept twice in a bucket, compared a page at a time.

pub mod counts;
pub mod favorites;
pub mod mirrors;
pub mod tags;

use magnitude_ids::Bucket;
use magnitude_sharding::{Error, ShardFreshness, Shards};

/// Before every id.
pub const FIRST: i64 = -1;

/// Keys in a page of a bucket.
const PAGE: i64 = 200;

/// What one page came to.
#[derive(Debug)]
pub struct Page<K> {
    /// Where the next one begins; nothing after the last.
    pub next: Option<i64>,
    /// What differed.
    pub differing: Vec<K>,
}

impl<K> From<(Option<i64>, Vec<K>)> for Page<K> {
    fn from((next, differing): (Option<i64>, Vec<K>)) -> Self {
        Self { next, differing }
    }
}

/// Those of a range of buckets that hold anything.
pub async fn filled(shards: &Shards, first: Bucket, last: Bucket) -> Result<Vec<Bucket>, Error> {
    let bind = |q: magnitude_sharding::Binds| q.bind(first.as_i16()).bind(last.as_i16());
    let rows: Vec<(i16,)> = shards.fetch_from_all(&ShardFreshness::new(), FILLED, bind).await?;
    Ok(rows.into_iter().filter_map(|(bucket,)| Bucket::try_from(bucket).ok()).collect())
}

/// Every statement, for the tests that prepare them and look at their plans.
pub const STATEMENTS: [&str; 16] = [
    FILLED,
    counts::AUTHORS,
    counts::FAVORITERS,
    counts::TOTAL,
    counts::TAGS,
    favorites::FIND,
    favorites::MEND,
    tags::FIND,
    tags::ROWS,
    mirrors::TRUTHS,
    mirrors::MIRRORS,
    mirrors::MIRRORS_OF,
    mirrors::TRUTHS_OF,
    mirrors::MIRRORED,
    mirrors::RETRACTED,
    mirrors::CORRECT,
];

/// A bucket that ever had an article has its total.
pub(crate) const FILLED: &str = "
    select b.bucket from sharding.held b where b.bucket between $2 and $3 and (select sharding.covers($1))
      and (exists (select from totals t where t.bucket = b.bucket) or exists (select from articles t where t.bucket = b.bucket)
        or exists (select from article_tags t where t.bucket = b.bucket) or exists (select from favorites_by_user t where t.bucket = b.bucket)
        or exists (select from favoriters t where t.bucket = b.bucket))";
