//! The shards' primaries as their superuser: what the services cannot be asked about themselves.

use std::time::Duration;

use anyhow::{Context, ensure};
use magnitude_load::stack::{Shard, Stack};
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep, timeout};

use crate::wait;

/// Each service's database, on every shard.
pub const SERVICES: [&str; 3] = ["accounts", "social", "articles"];

/// Longer than a failover may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// A paused or cut server takes the connection and says nothing: then the next one is asked.
const ANSWER: Duration = Duration::from_secs(3);

#[derive(Clone, Debug)]
pub struct Databases {
    shards: Vec<Shard>,
    user: String,
    password: String,
}

impl Databases {
    pub fn of(stack: &Stack) -> Self {
        Self { shards: stack.postgres.clone(), user: stack.postgres_user.clone(), password: stack.postgres_password.clone() }
    }

    /// The names of the shards; their places in this list are their numbers.
    pub fn shards(&self) -> Vec<String> {
        self.shards.iter().map(|shard| shard.name.clone()).collect()
    }

    /// The nodes of a shard as `host:port`, in any order: who is primary changes.
    pub fn nodes(&self, shard: usize) -> Vec<String> {
        self.shards[shard].nodes.clone()
    }

    /// Connects to whichever node of the shard takes writes; waits two minutes for one.
    pub async fn primary(&self, shard: usize, database: &str) -> anyhow::Result<PgConnection> {
        let end = Instant::now() + PATIENCE;
        // Not `wait::until`: spawned tasks call this, and of an asynchronous closure the compiler cannot tell that it may change threads.
        loop {
            if let Some(connection) = self.writable_node(shard, database).await? {
                return Ok(connection);
            }
            ensure!(Instant::now() < end, "shard {} has no primary that answers", self.shards[shard].name);
            sleep(wait::STEP).await;
        }
    }

    /// Asks one question of every service's database on every shard; each answer with where it is from, as `articles on s1`.
    pub async fn everywhere(&self, question: &'static str) -> anyhow::Result<Vec<(String, String)>> {
        let mut answers = Vec::new();
        for (shard, name) in self.shards().iter().enumerate() {
            for service in SERVICES {
                let mut primary = self.primary(shard, service).await?;
                let texts: Vec<String> = sqlx::query_scalar(question).fetch_all(&mut primary).await?;
                answers.extend(texts.into_iter().map(|text| (format!("{service} on {name}"), text)));
            }
        }
        Ok(answers)
    }

    async fn writable_node(&self, shard: usize, database: &str) -> anyhow::Result<Option<PgConnection>> {
        for node in self.nodes(shard) {
            if let Some(connection) = self.writable(&node, database).await? {
                return Ok(Some(connection));
            }
        }
        Ok(None)
    }

    /// Connects to a node whatever its role.
    pub async fn node(&self, node: &str, database: &str) -> anyhow::Result<PgConnection> {
        let connected = timeout(PATIENCE, self.options(node, database)?.connect()).await;
        connected.map_err(anyhow::Error::from).and_then(|connected| Ok(connected?)).with_context(|| format!("{node} does not answer"))
    }

    pub fn credentials(&self) -> (&str, &str) {
        (&self.user, &self.password)
    }

    async fn writable(&self, node: &str, database: &str) -> anyhow::Result<Option<PgConnection>> {
        let options = self.options(node, database)?;
        let ask = async {
            let mut connection = options.connect().await?;
            let replica: bool = sqlx::query_scalar("select pg_is_in_recovery()").fetch_one(&mut connection).await?;
            Ok::<_, sqlx::Error>((!replica).then_some(connection))
        };
        // A node that is down or silent is not the primary.
        Ok(timeout(ANSWER, ask).await.ok().and_then(Result::ok).flatten())
    }

    fn options(&self, node: &str, database: &str) -> anyhow::Result<PgConnectOptions> {
        let (host, port) = node.rsplit_once(':').with_context(|| format!("{node:?} is not host:port"))?;
        let port = port.parse().with_context(|| format!("{node:?} has no port"))?;
        let options = PgConnectOptions::new_without_pgpass().host(host).port(port).database(database);
        Ok(options.username(&self.user).password(&self.password).application_name("magnitude experiment"))
    }
}
