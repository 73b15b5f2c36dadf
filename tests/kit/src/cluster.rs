use std::time::Duration;

use anyhow::{Context, ensure};
use magnitude_sharding::{Migrations, Settings, ShardSettings, Shards};
use sqlx::{PgConnection, PgPool, postgres::PgPoolOptions};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    Stack,
    admin::{connect, fresh_name, primary_first, run, sweep},
    eventually, template,
};

/// Databases of a test's own on the shards of the stack, dropped with this value.
pub struct TestCluster {
    stack: Stack,
    name: String,
    settings: Settings,
    shards: Vec<ShardSettings>,
}

/// Shards that are watched while this lives.
pub struct Connected {
    pub shards: Shards,
    _watch: DropGuard,
}

impl TestCluster {
    /// So many shards with the schema of `owner`. Panics, and says what to do, without a running stack.
    pub async fn shards(count: usize, owner: &str, migrations: fn() -> Vec<Migrations>) -> Self {
        match Self::try_shards(count, owner, migrations).await {
            Ok(cluster) => cluster,
            Err(error) => panic!("no test cluster: {error:#}"),
        }
    }

    async fn try_shards(count: usize, owner: &str, migrations: fn() -> Vec<Migrations>) -> anyhow::Result<Self> {
        let stack = Stack::load()?;
        ensure!((1..=stack.postgres.len()).contains(&count), "the stack has {} shards, not {count}", stack.postgres.len());
        let template = template::name(owner, &migrations());
        let name = fresh_name();
        let mut shards = vec![];
        for shard in &stack.postgres[..count] {
            shards.push(ShardSettings { name: shard.name.clone(), nodes: primary_first(&stack, shard).await? });
        }
        // From here on Drop cleans up, also after a failure half way.
        let cluster = Self { settings: settings(&stack, &name), shards, name, stack };
        for primary in cluster.primaries() {
            template::ensure(&cluster.stack, primary, &template, migrations).await?;
            let mut admin = connect(&cluster.stack, primary, "postgres").await?;
            sweep(&mut admin).await?;
            run(&mut admin, format!("create database {} template {template}", cluster.name)).await?;
        }
        template::spread(&cluster.settings, &cluster.shards, migrations()).await?;
        Ok(cluster)
    }

    /// How to reach the databases, as a service's settings say it.
    pub fn settings(&self) -> (Settings, Vec<ShardSettings>) {
        (self.settings.clone(), self.shards.clone())
    }

    /// The shards, watched and with a complete map.
    pub async fn connect(&self) -> Connected {
        Connected::new(&self.settings, &self.shards).await
    }

    /// A connection of its own to the primary of a shard, past everything that is tested.
    pub async fn primary(&self, shard: usize) -> PgConnection {
        connect(&self.stack, &self.shards[shard].nodes[0], &self.name).await.expect("the primary answers")
    }

    /// The same as a pool, for looking at a state again and again.
    pub async fn pool(&self, shard: usize) -> PgPool {
        let (host, port) = self.shards[shard].nodes[0].rsplit_once(':').expect("the kit has connected to it");
        let options = sqlx::postgres::PgConnectOptions::new_without_pgpass()
            .host(host)
            .port(port.parse().expect("the kit has connected to it"))
            .username(&self.stack.postgres_user)
            .password(&self.stack.postgres_password)
            .database(&self.name);
        PgPoolOptions::new().max_connections(2).connect_with(options).await.expect("the primary answers")
    }

    /// Waits until every replica shows what the primary of a shard shows now. For rows that a test wrote past the service: no reader
    /// was told how far its replica must be for them.
    pub async fn replayed(&self, shard: usize) {
        let written: String = sqlx::query_scalar("select pg_current_wal_flush_lsn()::text")
            .fetch_one(&mut self.primary(shard).await)
            .await
            .expect("the primary answers");
        for replica in &self.shards[shard].nodes[1..] {
            let mut replica = connect(&self.stack, replica, "postgres").await.expect("the replica answers");
            eventually("a replica has replayed what was written", async || {
                sqlx::query_scalar("select pg_last_wal_replay_lsn() >= $1::pg_lsn")
                    .bind(&written)
                    .fetch_one(&mut replica)
                    .await
                    .expect("the replica answers")
            })
            .await;
        }
    }

    /// The stack's cache, under a prefix of this test's own.
    pub fn cache(&self) -> magnitude_redis::Settings {
        self.redis(&self.stack.cache)
    }

    /// The stack's sessions, under a prefix of this test's own.
    pub fn sessions(&self) -> magnitude_redis::Settings {
        self.redis(&self.stack.sessions)
    }

    /// The stack's broker, with queues of this test's own: whoever makes them deletes them.
    pub fn broker(&self) -> magnitude_jobs::Settings {
        magnitude_jobs::Settings {
            nodes: self.stack.brokers.clone(),
            user: self.stack.broker_user.clone(),
            password: self.stack.broker_password.clone(),
            vhost: self.stack.broker_user.clone(),
            prefix: format!("{}.", self.name),
            timeout_ms: 5_000,
            at_once: 16,
        }
    }

    fn redis(&self, node: &str) -> magnitude_redis::Settings {
        magnitude_redis::Settings {
            nodes: vec![node.to_owned()],
            password: self.stack.redis_password.clone(),
            // Not so little that a busy machine looks like a dead server.
            timeout_ms: 10_000,
            prefix: format!("{}:", self.name),
        }
    }

    fn primaries(&self) -> impl Iterator<Item = &str> {
        self.shards.iter().filter_map(|shard| shard.nodes.first()).map(String::as_str)
    }
}

impl Connected {
    /// The same with other settings, or through other addresses such as those of a [`Proxy`](crate::Proxy).
    pub async fn new(settings: &Settings, shards: &[ShardSettings]) -> Self {
        let stop = CancellationToken::new();
        let (shards, watch) = Shards::connect(settings, shards, stop.clone()).expect("the test's settings are right");
        tokio::spawn(watch);
        shards.ready().await.expect("the shards answer");
        Self { shards, _watch: stop.drop_guard() }
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        let (stack, name) = (self.stack.clone(), self.name.clone());
        let primaries: Vec<_> = self.primaries().map(str::to_owned).collect();
        // Drop cannot await, and the test's runtime may have one thread, which is here: another thread has its own.
        let (done, wait) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            if let Err(error) = drop_databases(&stack, &name, &primaries) {
                eprintln!("a test's databases stay until they are swept: {error:#}");
            }
            // Nobody waits any more if it took long.
            done.send(()).ok();
        });
        // Not for ever: Postgres waits for a connection that this blocked thread is half way through opening.
        wait.recv_timeout(PATIENCE).ok();
    }
}

/// How long a test's end waits for its databases to be dropped; after that it goes on behind it.
const PATIENCE: Duration = Duration::from_secs(2);

fn drop_databases(stack: &Stack, name: &str, primaries: &[String]) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        for primary in primaries {
            let work = async {
                let mut admin = connect(stack, primary, "postgres").await?;
                run(&mut admin, format!("drop database if exists {name} with (force)")).await
            };
            tokio::time::timeout(Duration::from_secs(30), work).await.with_context(|| format!("{primary} is slow"))??;
        }
        Ok(())
    })
}

/// The settings of a service whose database has this name, for the stack's superuser. What bounds a wait is longer than a busy machine
/// takes: a test of a bound sets it itself.
pub(crate) fn settings(stack: &Stack, name: &str) -> Settings {
    Settings {
        user: stack.postgres_user.clone(),
        name: name.to_owned(),
        password: stack.postgres_password.clone(),
        tls: serde_json::from_str("\"disable\"").expect("it is one of the settings"),
        connections: 8,
        connect_timeout_ms: 5_000,
        acquire_timeout_ms: 30_000,
        statement_timeout_ms: 30_000,
        poll_interval_ms: 50,
        replica_max_lag_ms: 2_000,
        write_deadline_ms: 30_000,
    }
}
