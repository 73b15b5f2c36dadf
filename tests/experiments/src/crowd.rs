//! A million followers, written to the shards as if each had asked.

use magnitude_ids::{Bucket, Id};

use crate::{databases::Databases, owners::Owners};

/// Rows of one statement.
const PAGE: i64 = 50_000;
/// Their ids are older than those of anybody who registers: the first milliseconds of the ids' clock. One lives in each bucket of `$4` in turn.
const FOLLOWER: &str = "((1 + n / cardinality($4)) << 22) | (($4::int[])[1 + n % cardinality($4)]::bigint << 10) | 1";

/// Lets so many who live in `homes` follow `followee`. Those who do so already are not counted again.
pub async fn follow(databases: &Databases, owners: &Owners, followee: Id, many: usize, homes: &[Bucket]) -> anyhow::Result<()> {
    let all: Vec<i32> = homes.iter().map(|home| i32::from(home.number())).collect();
    for shard in 0..owners.shards().len() {
        let mut primary = databases.primary(shard, "social").await?;
        // The guards ask for a fence on every row's bucket; nobody moves one meanwhile.
        sqlx::query("set session_replication_role = replica").execute(&mut primary).await?;
        let owned: Vec<i16> = owners.owned("social", shard).iter().map(|bucket| bucket.as_i16()).collect();
        let last = i64::try_from(many)?;
        for from in (0..last).step_by(usize::try_from(PAGE)?) {
            let to = (from + PAGE).min(last);
            let follows = format!(
                "insert into follows (bucket, follower, followee, active, version)
                 select ((follower >> 10) & 4095)::smallint, follower, $1, true, 1
                 from (select {FOLLOWER} as follower from generate_series($2::bigint, $3 - 1) n) f
                 where ((follower >> 10) & 4095)::smallint = any($5) on conflict do nothing"
            );
            let follows = sqlx::query(sqlx::AssertSqlSafe(follows)).bind(followee.as_i64()).bind(from).bind(to).bind(&all).bind(&owned);
            follows.execute(&mut primary).await?;
            if owners.number("social", followee.bucket()) == Some(shard) {
                let followers = format!(
                    "insert into followers (bucket, followee, follower, active, version)
                     select $5, $1, {FOLLOWER}, true, 1 from generate_series($2::bigint, $3 - 1) n on conflict do nothing"
                );
                let followers = sqlx::query(sqlx::AssertSqlSafe(followers)).bind(followee.as_i64()).bind(from).bind(to);
                followers.bind(&all).bind(followee.bucket().as_i16()).execute(&mut primary).await?;
            }
        }
    }
    Ok(())
}
