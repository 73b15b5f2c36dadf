//! Copying and streaming: a publication with a row filter, a subscription, and what they leave behind.

use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::side::{Admin, Side};

const STEP: Duration = Duration::from_millis(50);
/// A copy that does not get further for so long is given up.
const PATIENCE: Duration = Duration::from_mins(2);

/// The tables that move with a bucket.
pub(crate) async fn tables(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("select name from sharding.tables order by name").fetch_all(connection).await
}

/// Name of publication, subscription and slot.
pub(crate) fn name(id: Uuid) -> String {
    format!("move_{}", id.simple())
}

/// Starts the copy. Table names come from this lib's own table, bucket numbers are numbers.
pub(crate) async fn start(
    source: &mut Side,
    target: &mut Side,
    admin: &Admin,
    database: &str,
    id: Uuid,
    buckets: &[i16],
) -> anyhow::Result<()> {
    let filter = buckets.iter().map(i16::to_string).collect::<Vec<_>>().join(",");
    let tables = tables(&mut source.connection).await?.into_iter().chain(["sharding.markers".to_owned()]);
    let tables = tables.map(|table| format!("{table} where (bucket in ({filter}))")).collect::<Vec<_>>().join(", ");
    let name = name(id);
    let publication = format!("create publication {name} for table {tables} with (publish = 'insert, update, delete')");
    sqlx::raw_sql(AssertSqlSafe(publication)).execute(&mut source.connection).await.context("the publication")?;
    // Not by the subscription: a slot waits for all transactions of its server, and the subscription's would be one on the other. Two
    // moves in opposite directions waited for each other for ever.
    let slot = "select pg_create_logical_replication_slot($1, 'pgoutput')";
    sqlx::query(slot).bind(&name).execute(&mut source.connection).await.context("the slot")?;
    let (host, port) = source.address.rsplit_once(':').context("an address is host:port")?;
    let line = [
        ("host", host.trim_matches(['[', ']'])),
        ("port", port),
        ("user", &admin.user),
        ("password", &admin.password),
        ("dbname", database),
    ];
    let line = line.map(|(key, value)| format!("{key}='{}'", value.replace('\\', r"\\").replace('\'', r"\'"))).join(" ");
    // `synchronous_commit`: what was applied must not be lost when the target fails over.
    let subscription = format!(
        "create subscription {name} connection {} publication {name} with (create_slot = false, slot_name = {name}, synchronous_commit = 'on')",
        quoted(&format!("{line} connect_timeout=5 application_name={name}"))
    );
    sqlx::raw_sql(AssertSqlSafe(subscription)).execute(&mut target.connection).await.context("the subscription")?;
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// Waits until every table is copied and follows.
pub(crate) async fn wait_copied(target: &mut Side, id: Uuid, mut progress: impl FnMut(i64, i64)) -> anyhow::Result<()> {
    let sql = "select count(*) filter (where r.srsubstate in ('r', 's')), count(*),
                      coalesce((select apply_error_count + sync_error_count from pg_stat_subscription_stats t where t.subid = s.oid), 0)
               from pg_subscription s join pg_subscription_rel r on r.srsubid = s.oid where s.subname = $1 group by s.oid";
    let (mut before, mut since) = (-1, Instant::now());
    loop {
        let found: Option<(i64, i64, i64)> = sqlx::query_as(sql).bind(name(id)).fetch_optional(&mut target.connection).await?;
        let (ready, all, errors) = found.context("the subscription is gone: shard {} failed over")?;
        if errors > 0 {
            bail!("shard {} could not take the copy: its log says why", target.name);
        }
        progress(ready, all);
        if ready == all {
            return Ok(());
        }
        if ready != before {
            (before, since) = (ready, Instant::now());
        }
        // A large table takes long without being stuck: as long as bytes arrive it is waited for.
        if since.elapsed() > PATIENCE && !copying(&mut target.connection).await? {
            bail!("shard {} gets no further with the copy: its log says why", target.name);
        }
        sleep(STEP).await;
    }
}

async fn copying(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from pg_stat_progress_copy)").fetch_one(connection).await
}

/// Waits until the target has applied what the source had written when this began.
pub(crate) async fn wait_caught_up(source: &mut Side, id: Uuid) -> anyhow::Result<()> {
    let goal: String = sqlx::query_scalar("select pg_current_wal_lsn()::text").fetch_one(&mut source.connection).await?;
    let sql = "select confirmed_flush_lsn >= $2::pg_lsn from pg_replication_slots where slot_name = $1";
    let end = Instant::now() + PATIENCE;
    loop {
        let there: Option<bool> = sqlx::query_scalar(sql).bind(name(id)).bind(&goal).fetch_optional(&mut source.connection).await?;
        match there {
            Some(true) => return Ok(()),
            Some(false) if Instant::now() < end => sleep(STEP).await,
            Some(false) => bail!("the target does not keep up with shard {}: try again when fewer writes come", source.name),
            None => bail!("the slot is gone: shard {} failed over", source.name),
        }
    }
}
