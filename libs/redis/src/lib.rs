//! skeleton: connections with timeouts, a breaker a node, scripts, rendezvous hashing
#![allow(clippy::all, clippy::pedantic, unused, clippy::allow_attributes)]
use serde::{Deserialize, Serialize};
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `host:port` of each node; keys spread over them by rendezvous hashing.
    pub nodes: Vec<String>,
    /// Password of the Redis user, empty for none.
    pub password: String,
    /// Milliseconds before a command counts as failed.
    pub timeout_ms: u64,
    /// Put before every key, so that several stacks or tests can share a server.
    pub prefix: String,
}
