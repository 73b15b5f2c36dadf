//! What a stack remembers between two commands.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::block::Block;
use crate::port::Port;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    pub block: Block,
    pub port: Port,
    /// The edge's; None in a stack that was made before there was one.
    #[serde(default)]
    pub edge_port: Option<Port>,
    /// What the points of presence ask instead of Envoy.
    #[serde(default)]
    pub edge_origin: Option<SocketAddr>,
    pub topology: String,
    /// Where the nodes' data lies, if not in the stack's folder.
    pub data: Option<PathBuf>,
    pub replica_delay_ms: u64,
    /// How many nodes were added to a shard or service.
    pub extra: BTreeMap<String, u8>,
    /// By how many seconds the clock of an instance is off.
    #[serde(default)]
    pub clocks: BTreeMap<String, i32>,
    /// How many shards were added.
    #[serde(default)]
    pub shards: u8,
}

impl State {
    /// None if nothing is remembered here.
    pub fn load(folder: &Path) -> Result<Option<Self>> {
        let path = file(folder);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let state = serde_json::from_slice(&bytes);
        state.map(Some).with_context(|| format!("{} is not what a stack remembers: `make clean` starts anew", path.display()))
    }

    pub fn save(&self, folder: &Path) -> Result<()> {
        crate::files::write(&file(folder), &serde_json::to_vec_pretty(self)?, 0o644)
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("state.json")
}
