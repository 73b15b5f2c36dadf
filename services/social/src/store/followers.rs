use magnitude_ids::{Bucket, Id};
use magnitude_sharding::{Error, Freshness, Shards};

/// How many followers live in each bucket that has any, by bucket.
pub async fn by_home(shards: &Shards, followee: Id) -> Result<Vec<(i32, i64)>, Error> {
    shards.fetch_all(followee.bucket(), Freshness::Primary, BY_HOME, |q| q.bind(followee.as_i64())).await
}

/// Those who live in the buckets from `first` to `last`, bucket after bucket.
pub async fn between(shards: &Shards, followee: Id, first: Bucket, last: Bucket) -> Result<Vec<i64>, Error> {
    let homes = [first, last].map(|bucket| i64::from(bucket.number()));
    let bind = |q: magnitude_sharding::Binds| q.bind(followee.as_i64()).bind(homes[0]).bind(homes[1]);
    let rows: Vec<(i64,)> = shards.fetch_all(followee.bucket(), Freshness::Primary, BETWEEN, bind).await?;
    Ok(rows.into_iter().map(|(follower,)| follower).collect())
}

pub(crate) const BY_HOME: &str = "
    select ((follower >> 10) & 4095)::int as home, count(*) from followers
    where bucket = $1 and (select sharding.owns($1, $2)) and followee = $3 and active
    group by home order by home";

pub(crate) const BETWEEN: &str = "
    select follower from followers
    where bucket = $1 and (select sharding.owns($1, $2)) and followee = $3 and active
      and ((follower >> 10) & 4095) between $4 and $5
    order by (follower >> 10) & 4095, follower";
