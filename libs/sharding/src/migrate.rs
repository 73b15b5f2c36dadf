use std::{ops::Range, sync::Arc, time::Duration};

use anyhow::{Context, bail, ensure};
use magnitude_database::Node;
use magnitude_ids::BUCKETS;
use sqlx::{
    PgConnection,
    migrate::{MigrateError, Migrator},
};
use tokio::time::{Instant, sleep};

use crate::{
    Settings, ShardSettings, Shards,
    bounded::bounded,
    error::{lost_connection, timed_out},
    shards::PATIENCE,
};

/// The migrations of one owner, with a history table of its own: `migrations_<owner>` in schema `sharding`.
#[derive(Debug)]
pub struct Migrations {
    owner: &'static str,
    migrator: Migrator,
}

const STEP: Duration = Duration::from_millis(100);

/// The lock that keeps two `migrate`, or one and a move of buckets, from one shard: the bytes of "migrate" as a number.
pub(crate) const LOCK: i64 = 0x006d_6967_7261_7465;

impl Migrations {
    pub fn new(owner: &'static str, mut migrator: Migrator) -> Self {
        migrator.dangerous_set_table_name(format!("sharding.migrations_{owner}"));
        // The owner's lock below covers all owners at once.
        migrator.set_locking(false);
        Self { owner, migrator }
    }

    fn newest(&self) -> i64 {
        self.migrator.iter().map(|migration| migration.version).max().unwrap_or(0)
    }
}

fn own() -> Migrations {
    Migrations::new("sharding", sqlx::migrate!())
}

/// Applies the migrations of this lib and the given ones to all shards, under a lock a shard; can be run again after a
/// partial failure. Spreads the buckets only if every shard answers and none ever had others than its first ones.
pub async fn migrate(settings: &Settings, shards: &[ShardSettings], migrations: Vec<Migrations>) -> anyhow::Result<()> {
    let (clusters, watch) = Shards::connect(settings, shards, tokio_util::sync::CancellationToken::new())?;
    let work = async {
        let mut connections = Vec::new();
        for name in clusters.names() {
            let mut connection = lock(&clusters, &name).await?;
            apply(&mut connection, &name, &migrations).await?;
            connections.push(connection);
        }
        // The locks are held until here, so that two `migrate` cannot both spread.
        spread(&mut connections, &clusters).await
    };
    tokio::select! {
        result = work => result,
        () = watch => bail!("the shards are no longer watched"),
    }
}

async fn lock(shards: &Shards, name: &str) -> anyhow::Result<PgConnection> {
    let index = shards.index(name)?;
    let node = primary(shards, index, name).await?;
    let mut connection = node.pool().acquire().await.with_context(|| format!("shard {name}"))?.detach();
    // A migration may take as long as it takes.
    sqlx::query("set statement_timeout = 0").execute(&mut connection).await?;
    sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut connection).await?;
    Ok(connection)
}

async fn primary<'a>(shards: &'a Shards, index: usize, name: &str) -> anyhow::Result<&'a Arc<Node>> {
    let limit = Instant::now() + PATIENCE;
    shards.writer(index, limit).await.with_context(|| format!("shard {name} has no primary that answers"))
}

async fn apply(connection: &mut PgConnection, name: &str, migrations: &[Migrations]) -> anyhow::Result<()> {
    sqlx::query("create schema if not exists sharding").execute(&mut *connection).await?;
    for Migrations { owner, migrator } in std::iter::once(&own()).chain(migrations) {
        let applied = migrator.run_direct(None, &mut *connection, false).await;
        if let Err(MigrateError::VersionMissing(version)) = applied {
            bail!(
                "the schema of {owner} on shard {name} is at {version}, which a newer release made: start that one, since this one cannot go back"
            );
        }
        applied.with_context(|| format!("the migrations of {owner} on shard {name}"))?;
    }
    tracing::info!(shard = name, "migrated");
    Ok(())
}

/// Gives every shard its part of the buckets, if none has more than that: a run that ended half way is taken up again, and buckets
/// that were ever moved are left alone.
async fn spread(connections: &mut [PgConnection], shards: &Shards) -> anyhow::Result<()> {
    let count = connections.len();
    let mut empty = Vec::new();
    for (index, connection) in connections.iter_mut().enumerate() {
        let (known, initial) = known(connection, part(index, count)).await?;
        if known == 0 {
            empty.push(index);
        } else if !initial {
            return Ok(());
        }
    }
    for index in empty {
        let part = part(index, count);
        sqlx::query("insert into sharding.buckets (bucket, state, epoch) select b, 'owned', 1 from unnest($1::smallint[]) b")
            .bind(numbers(&part))
            .execute(&mut connections[index])
            .await?;
        tracing::info!(shard = %shards.names()[index], from = part.start, below = part.end, "buckets spread");
    }
    Ok(())
}

/// The buckets of a shard at first.
fn part(index: usize, count: usize) -> Range<usize> {
    let buckets = usize::from(BUCKETS);
    index * buckets / count..(index + 1) * buckets / count
}

fn numbers(part: &Range<usize>) -> Vec<i16> {
    part.clone().filter_map(|bucket| i16::try_from(bucket).ok()).collect()
}

/// How many buckets a shard knows of, and whether these are just its first part, untouched.
async fn known(connection: &mut PgConnection, part: Range<usize>) -> anyhow::Result<(i64, bool)> {
    let sql = "select count(*), coalesce(array_agg(bucket order by bucket) = $1 and bool_and(state = 'owned' and epoch = 1), false) from sharding.buckets";
    Ok(sqlx::query_as(sql).bind(numbers(&part)).fetch_one(connection).await?)
}

/// Fails, with the command to run, if a shard's schema is older than this program needs. A shard that fails over is waited for.
pub async fn check_schema(shards: &Shards, migrations: &[Migrations]) -> anyhow::Result<()> {
    for name in shards.names() {
        let index = shards.index(&name)?;
        for wanted in std::iter::once(&own()).chain(migrations) {
            let found = newest_of(shards, index, &name, wanted.owner).await?;
            ensure!(
                found >= wanted.newest(),
                "the schema of {} on shard {name} is at {found}, this program needs {}: run `migrate` first",
                wanted.owner,
                wanted.newest()
            );
        }
    }
    Ok(())
}

/// Asks the shard's primary; when it goes meanwhile, the next one.
async fn newest_of(shards: &Shards, index: usize, name: &str, owner: &str) -> anyhow::Result<i64> {
    let end = Instant::now() + PATIENCE;
    loop {
        let node = primary(shards, index, name).await?;
        let ask = async { newest(&mut *node.pool().acquire().await?, owner).await };
        match bounded(node, shards.statement_timeout(), ask).await {
            Err(error) if passes(&error) && Instant::now() < end => {
                tracing::warn!(shard = name, %error, "the schema could not be looked at yet");
                sleep(STEP).await;
            }
            found => return Ok(found?),
        }
    }
}

/// Whether the same question may be answered a little later.
fn passes(error: &sqlx::Error) -> bool {
    lost_connection(error) || timed_out(error) || matches!(error, sqlx::Error::PoolTimedOut)
}

/// The newest migration applied; 0 where there is none.
async fn newest(connection: &mut PgConnection, owner: &str) -> Result<i64, sqlx::Error> {
    let exists: bool =
        sqlx::query_scalar("select to_regclass('sharding.migrations_' || $1) is not null").bind(owner).fetch_one(&mut *connection).await?;
    if !exists {
        return Ok(0);
    }
    // The name comes from the program's own owners, never from a request.
    let sql = format!("select coalesce(max(version), 0) from sharding.migrations_{owner} where success");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await
}
