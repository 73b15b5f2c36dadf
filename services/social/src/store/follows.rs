use std::collections::HashMap;

use magnitude_ids::Id;
use magnitude_sharding::{Error, Freshness, Shards, Write};
use sqlx::PgConnection;

/// Makes the follower follow, or no longer follow. The new version, or nothing when it was so already.
pub async fn set(write: &mut Write, follower: Id, followee: Id, active: bool) -> Result<Option<i64>, Error> {
    let bucket = write.bucket().as_i16();
    let connection: &mut PgConnection = write;
    Ok(sqlx::query_scalar(if active { FOLLOW } else { UNFOLLOW })
        .bind(bucket)
        .bind(follower.as_i64())
        .bind(followee.as_i64())
        .fetch_optional(connection)
        .await?)
}

/// Whether the follower follows, and the version of that; from the primary, since a mirror is made of it.
pub async fn find(shards: &Shards, follower: Id, followee: Id) -> Result<Option<(bool, i64)>, Error> {
    let bind = |q: magnitude_sharding::Binds| q.bind(follower.as_i64()).bind(followee.as_i64());
    shards.fetch_optional(follower.bucket(), Freshness::Primary, FIND, bind).await
}

/// Which of `candidates` the viewer has ever followed, whether that is so now, and its version: one statement, however many they are.
pub async fn among(shards: &Shards, freshness: Freshness, viewer: Id, candidates: &[Id]) -> Result<HashMap<Id, (bool, i64)>, Error> {
    if candidates.is_empty() {
        return Ok(HashMap::new());
    }
    let numbers: Vec<i64> = candidates.iter().map(|id| id.as_i64()).collect();
    let bind = |q: magnitude_sharding::Binds| q.bind(viewer.as_i64()).bind(numbers.as_slice());
    let rows: Vec<(i64, bool, i64)> = shards.fetch_all(viewer.bucket(), freshness, AMONG, bind).await?;
    Ok(rows.into_iter().filter_map(|(id, active, version)| Some((Id::from_i64(id)?, (active, version)))).collect())
}

/// Everybody whom the reader follows.
pub async fn all(shards: &Shards, freshness: Freshness, reader: Id) -> Result<Vec<Id>, Error> {
    let rows = shards.fetch_all(reader.bucket(), freshness, ALL, |q| q.bind(reader.as_i64())).await?;
    Ok(ids(rows))
}

fn ids(rows: Vec<(i64,)>) -> Vec<Id> {
    rows.into_iter().filter_map(|(id,)| Id::from_i64(id)).collect()
}

pub(crate) const FOLLOW: &str = "
    insert into follows as f (bucket, follower, followee, active, version) values ($1, $2, $3, true, 1)
    on conflict (bucket, follower, followee) do update
        set active = true, version = f.version + 1, updated_at = clock_timestamp()
        where not f.active
    returning version";

pub(crate) const UNFOLLOW: &str = "
    update follows set active = false, version = version + 1, updated_at = clock_timestamp()
    where bucket = $1 and follower = $2 and followee = $3 and active
    returning version";

pub(crate) const FIND: &str = "
    select active, version from follows
    where bucket = $1 and (select sharding.owns($1, $2)) and follower = $3 and followee = $4";

pub(crate) const AMONG: &str = "
    select followee, active, version from follows
    where bucket = $1 and (select sharding.owns($1, $2)) and follower = $3 and followee = any($4)";

pub(crate) const ALL: &str = "
    select followee from follows
    where bucket = $1 and (select sharding.owns($1, $2)) and follower = $3 and active
    order by followee";
