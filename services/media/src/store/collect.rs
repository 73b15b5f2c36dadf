//! What the collector of unused uploads and contents asks and does, a page of one bucket at a time.

use std::collections::HashSet;

use magnitude_ids::{Bucket, Id};
use magnitude_sharding::{Error, Freshness, ShardFreshness, Shards, Write};

/// Rows of a page.
const PAGE: i64 = 200;

/// Those of a range of buckets that hold anything.
pub async fn filled(shards: &Shards, first: Bucket, last: Bucket) -> Result<Vec<Bucket>, Error> {
    let bind = |q: magnitude_sharding::Binds| q.bind(first.as_i16()).bind(last.as_i16());
    let rows: Vec<(i16,)> = shards.fetch_from_all(&ShardFreshness::new(), FILLED, bind).await?;
    Ok(rows.into_iter().filter_map(|(bucket,)| Bucket::try_from(bucket).ok()).collect())
}

/// Uploads that are a day old, with the contents of their variants, after one of them.
pub async fn old_uploads(shards: &Shards, bucket: Bucket, after: i64) -> Result<Vec<(i64, Vec<String>)>, Error> {
    shards.fetch_all(bucket, Freshness::Primary, OLD_UPLOADS, |q| q.bind(after).bind(PAGE)).await
}

/// Deletes uploads; those that were there, with what they had staged.
pub async fn remove_uploads(write: &mut Write, ids: &[i64]) -> Result<Vec<(Id, String)>, Error> {
    let bucket = write.bucket().as_i16();
    let removed: Vec<(i64, String)> = sqlx::query_as(REMOVE_UPLOADS).bind(bucket).bind(ids).fetch_all(&mut **write).await?;
    Ok(removed.into_iter().filter_map(|(id, staged)| Some((Id::from_i64(id)?, staged))).collect())
}

/// Contents that nobody touched for a day, after one of them.
pub async fn old_objects(shards: &Shards, bucket: Bucket, after: &str) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = shards.fetch_all(bucket, Freshness::Primary, OLD_OBJECTS, |q| q.bind(after).bind(PAGE)).await?;
    Ok(rows.into_iter().map(|(hash,)| hash).collect())
}

/// Those of these contents that an upload refers to, wherever it lives.
pub async fn referenced(shards: &Shards, hashes: &[String]) -> Result<HashSet<String>, Error> {
    let rows: Vec<(String,)> = shards.fetch_from_all(&ShardFreshness::new(), REFERENCED, |q| q.bind(hashes)).await?;
    Ok(rows.into_iter().map(|(hash,)| hash).collect())
}

/// Dooms those of these contents that nobody touched for an hour, and those that are doomed already; which they are.
pub async fn doom(shards: &Shards, bucket: Bucket, hashes: &[String]) -> Result<Vec<String>, Error> {
    shards.execute(bucket, DOOM, |q| q.bind(hashes)).await?;
    let rows: Vec<(String,)> = shards.fetch_all(bucket, Freshness::Primary, STILL_DOOMED, |q| q.bind(hashes)).await?;
    Ok(rows.into_iter().map(|(hash,)| hash).collect())
}

/// Takes doomed contents back: somebody refers to them after all.
pub async fn spare(shards: &Shards, bucket: Bucket, hashes: &[String]) -> Result<(), Error> {
    shards.execute(bucket, SPARE, |q| q.bind(hashes)).await.map(drop)
}

/// Forgets contents that were deleted.
pub async fn forget(shards: &Shards, bucket: Bucket, hashes: &[String]) -> Result<(), Error> {
    shards.execute(bucket, FORGET, |q| q.bind(hashes)).await.map(drop)
}

pub(crate) const FILLED: &str = "
    select b.bucket from sharding.held b where b.bucket between $2 and $3 and (select sharding.covers($1))
      and (exists (select from uploads t where t.bucket = b.bucket) or exists (select from objects t where t.bucket = b.bucket))";

/// Ids sort by time, so a page stops soon after the last old one.
pub(crate) const OLD_UPLOADS: &str = "
    select id, array(select v.hash from variants v where v.bucket = u.bucket and v.upload = u.id) as hashes from uploads u
    where bucket = $1 and (select sharding.owns($1, $2)) and id > $3 and created_at < now() - interval '1 day'
    order by id limit $4";

pub(crate) const REMOVE_UPLOADS: &str = "
    with gone as (delete from variants where bucket = $1 and upload = any($2))
    delete from uploads where bucket = $1 and id = any($2) returning id, staged";

pub(crate) const OLD_OBJECTS: &str = "
    select hash from objects
    where bucket = $1 and (select sharding.owns($1, $2)) and hash > $3 and touched_at < now() - interval '1 day'
    order by hash limit $4";

pub(crate) const REFERENCED: &str = "
    select distinct hash from variants
    where bucket in (select bucket from sharding.held) and (select sharding.covers($1)) and hash = any($2)";

pub(crate) const DOOM: &str = "
    update objects set doomed_at = clock_timestamp()
    where bucket = $1 and hash = any($2) and touched_at < now() - interval '1 hour' and (select sharding.guard($1))";

pub(crate) const STILL_DOOMED: &str = "
    select hash from objects where bucket = $1 and (select sharding.owns($1, $2)) and hash = any($3) and doomed_at is not null";

pub(crate) const SPARE: &str = "
    update objects set doomed_at = null, touched_at = clock_timestamp()
    where bucket = $1 and hash = any($2) and (select sharding.guard($1))";

pub(crate) const FORGET: &str = "
    delete from objects where bucket = $1 and hash = any($2) and doomed_at is not null and (select sharding.guard($1))";
