use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
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

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} ({}*)", self.nodes, self.prefix)
    }
}
