use anyhow::Context;
use serde::{Deserialize, Serialize};
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use tokio::time::{Duration, Instant, sleep};

use crate::{Settings, Shards, migrate::LOCK};

/// Who reshards: creating a subscription takes a superuser on `PostgreSQL` 15. Empty where a service only serves.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    pub user: String,
    pub password: String,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.user)
    }
}

/// One shard as a move sees it: its primary, as the administrator, and who that server was at the beginning.
pub(crate) struct Side {
    pub shard: usize,
    pub name: String,
    pub connection: PgConnection,
    pub address: String,
    pub system: i64,
    pub timeline: i32,
}

/// How long another command's lock is waited for: one that was killed holds it until its server notices.
const PATIENCE: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(20);

const IDENTITY: &str = "
    select (select system_identifier from pg_control_system()), ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int";

impl Side {
    pub async fn open(shards: &Shards, settings: &Settings, shard: usize) -> anyhow::Result<Self> {
        let name = shards.cluster(shard).name().to_string();
        let limit = Instant::now() + Duration::from_secs(10);
        let node = shards.writer(shard, limit).await.with_context(|| format!("shard {name} has no primary that answers"))?;
        let address = node.address().to_owned();
        let options: PgConnectOptions = settings.connect_options(&address)?.application_name("magnitude reshard");
        let mut connection = options.connect().await.with_context(|| format!("the administrator cannot connect to shard {name}"))?;
        // What is sent here holds a password, takes its time, and may wait for nothing but its own limits.
        // A statement that runs when the command is killed must not keep the lock until it is through.
        let quiet = "set log_min_duration_statement = -1; set log_min_error_statement = panic; set statement_timeout = 0;
                     set timezone = 'UTC'; set client_connection_check_interval = '500ms'";
        sqlx::raw_sql(quiet).execute(&mut connection).await.context("resharding needs a superuser")?;
        let (system, timeline) = sqlx::query_as(IDENTITY).fetch_one(&mut connection).await?;
        Ok(Self { shard, name, connection, address, system, timeline })
    }

    /// Takes the lock that a migration takes too, for as long as this connection lives. Fails when another has it for two seconds more.
    pub async fn lock(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while !self.try_lock().await? {
            anyhow::ensure!(Instant::now() < end, "another move or migration is running on shard {}: wait for its end", self.name);
            sleep(STEP).await;
        }
        Ok(())
    }

    async fn try_lock(&mut self) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(LOCK).fetch_one(&mut self.connection).await
    }
}
