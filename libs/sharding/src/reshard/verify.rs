//! Checksums of what was moved, table by table and bucket by bucket.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, PgConnection};

use super::{copy::tables, side::Side};

/// Of a table and bucket: how many rows, and a sum that does not depend on their order.
pub(crate) type Sums = HashMap<(String, i16), (i64, String)>;

pub(crate) async fn sums(connection: &mut PgConnection, buckets: &[i16]) -> Result<Sums, sqlx::Error> {
    let mut sums = Sums::new();
    let local: Vec<(String, Vec<String>)> = sqlx::query_as(LOCAL).fetch_all(&mut *connection).await?;
    for table in tables(connection).await? {
        // What each shard fills itself is left out.
        let row = match local.iter().find(|(name, _)| *name == table) {
            Some((_, columns)) => format!("(to_jsonb(t) - '{{{}}}'::text[])", columns.join(",")),
            None => "t".to_owned(),
        };
        // 60 bits of each row's MD5, summed as numerics: a swap, a loss or a change of a row shows. The names are the migrations' own.
        let sql = format!(
            "select bucket, count(*), sum(('x' || substr(md5({row}::text), 1, 15))::bit(60)::bigint::numeric)::text
             from {table} t where bucket = any($1) group by bucket"
        );
        let rows: Vec<(i16, i64, String)> = sqlx::query_as(AssertSqlSafe(sql)).bind(buckets).fetch_all(&mut *connection).await?;
        sums.extend(rows.into_iter().map(|(bucket, count, sum)| ((table.clone(), bucket), (count, sum))));
    }
    Ok(sums)
}

const LOCAL: &str = "select name, local from sharding.tables where local <> '{}'";

/// The tables and buckets that differ.
pub(crate) fn differences(source: &Sums, target: &Sums) -> Vec<(String, i16)> {
    let keys: std::collections::BTreeSet<_> = source.keys().chain(target.keys()).collect();
    keys.into_iter().filter(|key| source.get(key) != target.get(key)).cloned().collect()
}

/// Compares while writes go on: what differs is compared again once the target has caught up, a few times.
pub(crate) async fn streaming(source: &mut Side, target: &mut Side, id: uuid::Uuid, buckets: &[i16]) -> anyhow::Result<()> {
    const ROUNDS: usize = 20;
    let mut open: Vec<i16> = buckets.to_vec();
    for _ in 0..ROUNDS {
        super::copy::wait_caught_up(source, id).await?;
        let (theirs, ours) = futures_util::try_join!(sums(&mut source.connection, &open), sums(&mut target.connection, &open))?;
        open = differences(&theirs, &ours).into_iter().map(|(_, bucket)| bucket).collect();
        open.dedup();
        if open.is_empty() {
            return Ok(());
        }
    }
    // Buckets that are written all the time differ at every look; under the fence they are compared once more.
    tracing::info!(buckets = open.len(), "buckets change too fast to be compared before the fence");
    Ok(())
}

/// Compares what is at rest on both sides; what is wrong, if anything is.
pub(crate) async fn at_rest(source: &mut PgConnection, target: &mut PgConnection, buckets: &[i16]) -> Result<Option<String>, sqlx::Error> {
    let (theirs, ours) = futures_util::try_join!(sums(source, buckets), sums(target, buckets))?;
    let wrong = differences(&theirs, &ours);
    let first = wrong.first();
    Ok(first.map(|(table, bucket)| format!("{} copies differ from their source, the first in {table}, bucket {bucket}", wrong.len())))
}
