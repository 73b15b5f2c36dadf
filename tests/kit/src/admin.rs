use std::time::{Duration, SystemTime};

use anyhow::Context;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, postgres::PgConnectOptions};

use crate::{PostgresShard, Stack};

/// Leftovers of killed tests are swept after this long: no test runs longer.
const KEEP: Duration = Duration::from_hours(1);

/// A paused server takes the connection and says nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connects to a server of the stack as its superuser.
pub(crate) async fn connect(stack: &Stack, address: &str, database: &str) -> anyhow::Result<PgConnection> {
    let (host, port) = address.rsplit_once(':').with_context(|| format!("{address:?} is not host:port"))?;
    let options = PgConnectOptions::new_without_pgpass()
        .host(host)
        .port(port.parse().with_context(|| format!("{address:?} has no port"))?)
        .username(&stack.postgres_user)
        .password(&stack.postgres_password)
        .database(database);
    let connected = tokio::time::timeout(PATIENCE, options.connect()).await;
    connected
        .map_err(anyhow::Error::from)
        .and_then(|connected| Ok(connected?))
        .with_context(|| format!("{address} does not answer: run `make up` first"))
}

/// The nodes of a shard, the one that is the primary now before the others.
pub(crate) async fn primary_first(stack: &Stack, shard: &PostgresShard) -> anyhow::Result<Vec<String>> {
    let mut nodes = shard.nodes.clone();
    for place in 0..nodes.len() {
        // A node that does not answer is no primary.
        let Ok(mut node) = connect(stack, &nodes[place], "postgres").await else { continue };
        if !sqlx::query_scalar::<_, bool>("select pg_is_in_recovery()").fetch_one(&mut node).await? {
            nodes.swap(0, place);
            return Ok(nodes);
        }
    }
    anyhow::bail!("{} has no primary now: `stack heal` brings its nodes back", shard.name)
}

/// Runs one statement whose names the kit made itself, so that they need no quoting.
pub(crate) async fn run(connection: &mut PgConnection, sql: String) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(connection).await.context(sql)?;
    Ok(())
}

/// A new database name that tells when it was made.
pub(crate) fn fresh_name() -> String {
    format!("t_{:x}_{:016x}", unix_seconds(), rand::random::<u64>())
}

/// Drops the databases that killed tests left.
pub(crate) async fn sweep(connection: &mut PgConnection) -> anyhow::Result<()> {
    let names: Vec<String> =
        sqlx::query_scalar(r"select datname::text from pg_database where datname like 't\_%'").fetch_all(&mut *connection).await?;
    for name in names.iter().filter(|name| made_at(name).is_some_and(|made| made + KEEP.as_secs() < unix_seconds())) {
        // Another test's sweep may be faster.
        run(connection, format!("drop database if exists {name} with (force)")).await.ok();
    }
    Ok(())
}

fn made_at(name: &str) -> Option<u64> {
    let (seconds, _) = name.strip_prefix("t_")?.split_once('_')?;
    u64::from_str_radix(seconds, 16).ok()
}

fn unix_seconds() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_when_it_was_made() {
        assert!(made_at(&fresh_name()).unwrap().abs_diff(unix_seconds()) < 5);
        assert_eq!(made_at("template_social_1"), None);
        assert_eq!(made_at("t_x_1"), None);
    }
}
