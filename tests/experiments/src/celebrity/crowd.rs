//! A million followers, written to the shards as if each had asked.

use magnitude_ids::Id;

use crate::{databases::Databases, owners::Owners};

/// Rows of one statement.
const PAGE: i64 = 50_000;
/// Their ids are older than those of anybody who registers: the first milliseconds of the ids' clock.
const FOLLOWER: &str = "((1 + n / 4096) << 22) | ((n % 4096) << 10) | 1";

/// Lets so many follow `followee`. Those who do so already are not counted again.
pub async fn follow(databases: &Databases, owners: &Owners, followee: Id, many: usize) -> anyhow::Result<()> {
    let home = owners.number("social", followee.bucket());
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
                 select n % 4096, {FOLLOWER}, $1, true, 1 from generate_series($2::bigint, $3 - 1) n where (n % 4096)::smallint = any($4)
                 on conflict do nothing"
            );
            let follows = sqlx::query(sqlx::AssertSqlSafe(follows)).bind(followee.as_i64()).bind(from).bind(to).bind(&owned);
            follows.execute(&mut primary).await?;
            if home == Some(shard) {
                let followers = format!(
                    "insert into followers (bucket, followee, follower, active, version)
                     select $4, $1, {FOLLOWER}, true, 1 from generate_series($2::bigint, $3 - 1) n on conflict do nothing"
                );
                let followers = sqlx::query(sqlx::AssertSqlSafe(followers)).bind(followee.as_i64()).bind(from).bind(to);
                followers.bind(followee.bucket().as_i16()).execute(&mut primary).await?;
            }
        }
    }
    Ok(())
}
