use std::{str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};

/// How a service reaches its database: the same on every node of every cluster.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub user: String,
    /// The database's name.
    pub name: String,
    pub password: String,
    pub tls: Tls,
    /// Connections to one node, at most.
    pub connections: u32,
    pub connect_timeout_ms: u64,
    /// How long a request waits for a free connection.
    pub acquire_timeout_ms: u64,
    pub statement_timeout_ms: u64,
    /// How often each node is asked for its role and position.
    pub poll_interval_ms: u64,
    /// A replica further behind answers no reads.
    pub replica_max_lag_ms: u64,
    /// How long a write may take in all before its outcome is called unknown.
    pub write_deadline_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    Disable,
    Prefer,
    Require,
}

impl Settings {
    pub fn write_deadline(&self) -> Duration {
        Duration::from_millis(self.write_deadline_ms)
    }

    pub(crate) fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms.max(10))
    }

    /// How to connect to `host:port`.
    pub fn connect_options(&self, address: &str) -> anyhow::Result<PgConnectOptions> {
        let (host, port) = address.rsplit_once(':').ok_or_else(|| anyhow::anyhow!("{address:?} is no address: write host:port"))?;
        let port = u16::from_str(port).map_err(|_| anyhow::anyhow!("{address:?} has no valid port: write host:port"))?;
        let tls = match self.tls {
            Tls::Disable => PgSslMode::Disable,
            Tls::Prefer => PgSslMode::Prefer,
            Tls::Require => PgSslMode::Require,
        };
        Ok(PgConnectOptions::new_without_pgpass()
            .host(host.trim_matches(['[', ']']))
            .port(port)
            .username(&self.user)
            .password(&self.password)
            .database(&self.name)
            .ssl_mode(tls)
            .application_name("magnitude")
            .options([("statement_timeout", self.statement_timeout_ms.to_string())]))
    }

    pub(crate) fn pool_options(&self) -> PgPoolOptions {
        PgPoolOptions::new()
            .max_connections(self.connections)
            .acquire_timeout(Duration::from_millis(self.acquire_timeout_ms))
            // A ping before each use would be a round trip a statement; a dead connection shows as an error and is retried.
            .test_before_acquire(false)
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.user, self.name)
    }
}
