//! The two Redis: the cache and the sessions.

use std::fs;

use anyhow::{Context, Result};

use crate::program::Program;
use crate::stack::Stack;
use crate::topology::Node;

/// Both have the same password.
pub const REDIS: &str = "redis";

impl Stack {
    pub(crate) fn redis_program(&self, node: &Node) -> Result<Program> {
        let data = self.data(&node.name);
        fs::create_dir_all(&data)?;
        let values = [("address", node.address.ip().to_string()), ("data", data.display().to_string()), ("password", self.secret(REDIS)?)];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        let config = self.render(&format!("redis/{}.conf", node.group), &values)?;
        let file = self.folder.join("run").join(format!("{}.conf", node.name));
        crate::files::write(&file, config.as_bytes(), 0o600)?;
        let names = ["redis-server", "valkey-server"];
        let program = names.into_iter().find(|name| crate::life::find(name)).context("Redis is missing: run deploy/local/install.sh")?;
        Ok(Program { path: program.into(), args: vec![file.display().to_string()], config, cwd: data, ..Program::default() })
    }

    pub(crate) fn redis_ready(&self, node: &Node) -> bool {
        self.secret(REDIS).is_ok_and(|password| crate::probe::redis_pongs(node.address, &password))
    }
}
