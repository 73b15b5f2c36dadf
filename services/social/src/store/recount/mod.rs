//! What is kept twice in a bucket, compared a page at a time.

pub mod counts;
pub mod mirrors;

use magnitude_ids::Bucket;
use magnitude_sharding::{Error, ShardFreshness, Shards};

/// Before every id.
pub const FIRST: i64 = -1;

/// Those of a range of buckets that hold anything.
pub async fn filled(shards: &Shards, first: Bucket, last: Bucket) -> Result<Vec<Bucket>, Error> {
    let bind = |q: magnitude_sharding::Binds| q.bind(first.as_i16()).bind(last.as_i16());
    let rows: Vec<(i16,)> = shards.fetch_from_all(&ShardFreshness::new(), FILLED, bind).await?;
    Ok(rows.into_iter().filter_map(|(bucket,)| Bucket::try_from(bucket).ok()).collect())
}

/// Every statement, for the tests that prepare them and look at their plans.
pub const STATEMENTS: [&str; 10] = [
    FILLED,
    counts::UNREAD,
    counts::OTHERS,
    mirrors::TRUTHS,
    mirrors::MIRRORS,
    mirrors::MIRRORS_OF,
    mirrors::TRUTHS_OF,
    mirrors::MIRRORED,
    mirrors::CORRECT,
    mirrors::DELETE,
];

pub(crate) const FILLED: &str = "
    select b.bucket from sharding.held b where b.bucket between $2 and $3 and (select sharding.covers($1))
      and (exists (select from follows t where t.bucket = b.bucket) or exists (select from followers t where t.bucket = b.bucket)
        or exists (select from notifications t where t.bucket = b.bucket) or exists (select from unread t where t.bucket = b.bucket))";
