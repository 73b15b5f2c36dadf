use std::time::Duration;

use anyhow::{Context, bail, ensure};
use magnitude_ids::BUCKETS;
use sqlx::{PgConnection, migrate::Migrator};

use crate::{Settings, ShardSettings, Shards};

/// The migrations of one owner, with a history table of its own: `migrations_<owner>` in schema `sharding`.
#[derive(Debug)]
pub struct Migrations {
    owner: &'static str,
    migrator: Migrator,
}

/// The lock that keeps two `migrate` from one shard: the bytes of "migrate" as a number.
const LOCK: i64 = 0x006d_6967_7261_7465;

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
/// partial failure. Spreads the buckets only if every shard answers and none owns one.
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
    let pool = shards.primary(index, Duration::from_secs(30)).await.with_context(|| format!("shard {name} has no primary that answers"))?;
    let mut connection = pool.acquire().await.with_context(|| format!("shard {name}"))?.detach();
    // A migration may take as long as it takes.
    sqlx::query("set statement_timeout = 0").execute(&mut connection).await?;
    sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut connection).await?;
    Ok(connection)
}

async fn apply(connection: &mut PgConnection, name: &str, migrations: &[Migrations]) -> anyhow::Result<()> {
    sqlx::query("create schema if not exists sharding").execute(&mut *connection).await?;
    for Migrations { owner, migrator } in std::iter::once(&own()).chain(migrations) {
        migrator.run_direct(None, &mut *connection, false).await.with_context(|| format!("the migrations of {owner} on shard {name}"))?;
    }
    tracing::info!(shard = name, "migrated");
    Ok(())
}

async fn spread(connections: &mut [PgConnection], shards: &Shards) -> anyhow::Result<()> {
    for connection in &mut *connections {
        let known: i64 = sqlx::query_scalar("select count(*) from sharding.buckets").fetch_one(connection).await?;
        if known > 0 {
            return Ok(());
        }
    }
    let count = i64::try_from(connections.len())?;
    for (index, connection) in connections.iter_mut().enumerate() {
        let index = i64::try_from(index)?;
        let (from, to) = (index * i64::from(BUCKETS) / count, (index + 1) * i64::from(BUCKETS) / count - 1);
        sqlx::query("insert into sharding.buckets (bucket, state, epoch) select b, 'owned', 1 from generate_series($1::int, $2::int) b")
            .bind(i32::try_from(from)?)
            .bind(i32::try_from(to)?)
            .execute(&mut *connection)
            .await?;
        tracing::info!(shard = %shards.names()[usize::try_from(index)?], from, to, "buckets spread");
    }
    Ok(())
}

/// Fails, with the command to run, if a shard's schema is older than this program needs.
pub async fn check_schema(shards: &Shards, migrations: &[Migrations]) -> anyhow::Result<()> {
    for name in shards.names() {
        let index = shards.index(&name)?;
        let pool =
            shards.primary(index, Duration::from_secs(30)).await.with_context(|| format!("shard {name} has no primary that answers"))?;
        let mut connection = pool.acquire().await?;
        for wanted in std::iter::once(&own()).chain(migrations) {
            let found = newest(&mut connection, wanted.owner).await?;
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

/// The newest migration applied; 0 where there is none.
async fn newest(connection: &mut PgConnection, owner: &str) -> anyhow::Result<i64> {
    let exists: bool =
        sqlx::query_scalar("select to_regclass('sharding.migrations_' || $1) is not null").bind(owner).fetch_one(&mut *connection).await?;
    if !exists {
        return Ok(0);
    }
    // The name comes from the program's own owners, never from a request.
    let sql = format!("select coalesce(max(version), 0) from sharding.migrations_{owner} where success");
    Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await?)
}
