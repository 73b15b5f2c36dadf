//! The two Redis, the cache and the sessions, and replicas of them.

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
        let password = self.secret(REDIS)?;
        let values = [
            ("address", node.address.ip().to_string()),
            ("data", data.display().to_string()),
            ("password", format!("requirepass {password}")),
        ];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        let primary = self.copied_by(node);
        let mut config = self.render(&format!("redis/{}.conf", primary.as_ref().map_or(&node.group, |primary| &primary.group)), &values)?;
        if let Some(primary) = primary {
            let address = primary.address.ip().to_string();
            config +=
                &self.render("redis/replica.conf", &[("primary", &address), ("primary_password", &format!("masterauth {password}"))])?;
        }
        let file = self.folder.join("run").join(format!("{}.conf", node.name));
        crate::files::write(&file, config.as_bytes(), 0o600)?;
        let names = ["redis-server", "valkey-server"];
        let program = names.into_iter().find(|name| crate::life::find(name)).context("Redis is missing: run deploy/local/install.sh")?;
        Ok(Program { path: program.into(), args: vec![file.display().to_string()], config, cwd: data, ..Program::default() })
    }

    /// Gives a Redis one command; what it answers.
    pub fn tell_redis(&self, name: &str, command: &str) -> Result<String> {
        let node = self.node(name)?;
        let said = crate::probe::redis_says(node.address, &self.secret(REDIS)?, command);
        let said = said.and_then(|said| said.strip_prefix("+OK\r\n").map(str::to_owned));
        said.with_context(|| format!("{name} does not answer"))
    }

    /// What a replica copies.
    fn copied_by(&self, node: &Node) -> Option<Node> {
        let primary = self.topology.redis.iter().find(|redis| redis.name == node.name)?.replica_of.as_ref()?;
        self.node(primary).ok()
    }

    /// Whether it copies another, and whether it reaches that one; None for one that nobody copies.
    pub(crate) fn redis_role(&self, node: &Node) -> Option<String> {
        let copied = self.topology.redis.iter().any(|redis| redis.replica_of.as_deref() == Some(&node.name));
        if !copied && self.copied_by(node).is_none() {
            return None;
        }
        let said = crate::probe::redis_says(node.address, &self.secret(REDIS).ok()?, "ROLE")?;
        let says = |word: &str| said.lines().any(|line| line == word);
        let role = match (says("slave"), says("connected")) {
            (false, _) => "primary",
            (true, true) => "replica",
            (true, false) => "replica, not connected",
        };
        Some(role.to_owned())
    }

    pub(crate) fn redis_ready(&self, node: &Node) -> bool {
        self.secret(REDIS).is_ok_and(|password| crate::probe::redis_pongs(node.address, &password))
    }
}
