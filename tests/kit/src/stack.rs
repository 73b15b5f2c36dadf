use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::Deserialize;

/// The running stack, as `stack up` describes it for tests.
#[derive(Clone, Debug, Deserialize)]
pub struct Stack {
    /// The load balancer's public listener.
    pub url: String,
    /// Its internal listener.
    pub internal_url: String,
    pub postgres: Vec<PostgresShard>,
    pub postgres_user: String,
    pub postgres_password: String,
    /// The Redis of the cache, as `host:port`.
    pub cache: String,
    /// The Redis of sessions.
    pub sessions: String,
    pub redis_password: String,
    /// The nodes of RabbitMQ.
    pub brokers: Vec<String>,
    /// Its user, and its vhost.
    pub broker_user: String,
    pub broker_password: String,
    #[serde(default)]
    pub services: BTreeMap<String, Vec<Instance>>,
}

/// One replicated cluster of the stack; addresses are `host:port`.
#[derive(Clone, Debug, Deserialize)]
pub struct PostgresShard {
    pub name: String,
    /// Which of them is the primary changes.
    pub nodes: Vec<String>,
}

/// One running instance of a service.
#[derive(Clone, Debug, Deserialize)]
pub struct Instance {
    pub name: String,
    pub public: String,
    pub operator: String,
}

impl Stack {
    /// Reads the description that `MAGNITUDE_TEST_STACK` names, or `.stack/test.json` of this workspace.
    pub fn load() -> anyhow::Result<Self> {
        let path = std::env::var_os("MAGNITUDE_TEST_STACK").map_or_else(default_path, PathBuf::from);
        let text =
            std::fs::read(&path).with_context(|| format!("no running stack is described in {}: run `make up` first", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is not the description of a stack: run `make up` again", path.display()))
    }
}

fn default_path() -> PathBuf {
    // This crate's folder is `tests/kit` of the workspace.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    root.join(".stack/test.json")
}
