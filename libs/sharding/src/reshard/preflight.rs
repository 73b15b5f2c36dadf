//! What is refused before anything changes.

use std::collections::BTreeSet;

use anyhow::{Context, bail, ensure};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::time::{Duration, Instant, sleep};

use super::{copy::tables, plan::in_words, side::Side};
use crate::{Shards, error::code};
use magnitude_ids::Bucket;

/// The target is only tried for so much room.
const MOST_ROOM: i64 = 4 << 30;
/// A replica further behind is waited for before the next batch begins.
const LAG: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_mins(10);
const FIRST_ANSWER: Duration = Duration::from_secs(5);

/// Every node of the shard answers: a move that costs a failover starts again, and a shard without its second copy cannot write.
pub(crate) async fn nodes_answer(shards: &Shards, shard: usize) -> anyhow::Result<()> {
    let cluster = shards.cluster(shard);
    // The command has just begun to ask them.
    let end = Instant::now() + FIRST_ANSWER;
    loop {
        let silent: Vec<_> = cluster.nodes().iter().filter(|node| node.state().is_none()).map(|node| node.address()).collect();
        if silent.is_empty() {
            return Ok(());
        }
        let names = silent.join(", ");
        ensure!(Instant::now() < end, "shard {}: {names} does not answer: a move wants all nodes of both shards up", cluster.name());
        sleep(Duration::from_millis(50)).await;
    }
}

/// Both have the same tables in the same state.
pub(crate) async fn schemas_agree(source: &mut Side, target: &mut Side) -> anyhow::Result<()> {
    let (theirs, ours) = futures_util::try_join!(versions(&mut source.connection), versions(&mut target.connection))?;
    if let Some((owner, ..)) = theirs.symmetric_difference(&ours).next() {
        bail!("the schema of {owner} differs between shards {} and {}: run `migrate` first", source.name, target.name);
    }
    Ok(())
}

async fn versions(connection: &mut PgConnection) -> Result<BTreeSet<(String, i64, Vec<u8>)>, sqlx::Error> {
    let sql = "select relname::text from pg_class where relnamespace = 'sharding'::regnamespace and relkind = 'r' and relname like 'migrations\\_%'";
    let mut found = BTreeSet::new();
    for table in sqlx::query_scalar::<_, String>(sql).fetch_all(&mut *connection).await? {
        // The name comes from the catalogue and starts as this lib names its tables.
        let sql = format!("select version, checksum from sharding.{table} where success");
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *connection).await?;
        let owner = table.trim_start_matches("migrations_").to_owned();
        found.extend(rows.into_iter().map(|(version, checksum)| (owner.clone(), version, checksum)));
    }
    Ok(found)
}

/// The source owns the buckets, as it says itself.
pub(crate) async fn source_owns(source: &mut Side, buckets: &[Bucket]) -> anyhow::Result<()> {
    let owned: Vec<i16> =
        sqlx::query_scalar("select bucket from sharding.buckets where state = 'owned'").fetch_all(&mut source.connection).await?;
    let missing: Vec<_> = buckets.iter().copied().filter(|bucket| !owned.contains(&bucket.as_i16())).collect();
    ensure!(missing.is_empty(), "shard {} does not own buckets {} any more", source.name, in_words(&missing));
    Ok(())
}

/// Tries whether the target can take as many bytes as these buckets have, by writing them once and taking them away.
pub(crate) async fn has_room(source: &mut Side, target: &mut Side, count: usize) -> anyhow::Result<()> {
    let mut size = 0;
    for table in tables(&mut source.connection).await? {
        size += sqlx::query_scalar::<_, i64>("select pg_total_relation_size($1::regclass)")
            .bind(table)
            .fetch_one(&mut source.connection)
            .await?;
    }
    let owned: i64 = sqlx::query_scalar("select greatest(count(*), 1) from sharding.held").fetch_one(&mut source.connection).await?;
    let bytes = (size / owned * i64::try_from(count)? * 6 / 5).min(MOST_ROOM);
    // Not logged, so that neither the log nor the replicas carry it. One row takes 1 MiB, uncompressed.
    let fill = "create unlogged table sharding.room (filling text);
                alter table sharding.room alter column filling set storage external;
                insert into sharding.room select repeat('x', 1048576) from generate_series(1, current_setting('sharding.room')::int)";
    sqlx::query("select set_config('sharding.room', $1, false)")
        .bind((bytes / (1 << 20) + 1).to_string())
        .execute(&mut target.connection)
        .await?;
    let tried = async {
        sqlx::raw_sql("drop table if exists sharding.room").execute(&mut target.connection).await?;
        sqlx::raw_sql(fill).execute(&mut target.connection).await?;
        sqlx::raw_sql("drop table sharding.room").execute(&mut target.connection).await
    };
    match tried.await {
        Ok(_) => Ok(()),
        Err(error) if code(&error).as_deref() == Some("53100") => {
            bail!("shard {} has no room for {} MiB more: its disk is full", target.name, bytes >> 20)
        }
        Err(error) => Err(error).with_context(|| format!("shard {} was tried for room", target.name)),
    }
}

/// Waits until the replicas of both have caught up, so that the next batch does not add to their lag.
pub(crate) async fn replicas_keep_up(shards: &Shards, both: [usize; 2]) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        let states = both.iter().flat_map(|shard| shards.cluster(*shard).nodes()).map(|node| node.state());
        if states.clone().all(|state| state.is_some_and(|state| state.lag < LAG)) {
            return Ok(());
        }
        ensure!(Instant::now() < end, "a replica lags and does not catch up: the move stops here and can be taken up again");
        sleep(Duration::from_millis(200)).await;
    }
}
