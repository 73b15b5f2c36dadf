//! etcd: holds the lock that says which node of a shard leads.

use std::fs;

use anyhow::Result;

use crate::program::Program;
use crate::stack::Stack;
use crate::topology::{Kind, Node};

impl Stack {
    pub(crate) fn etcd_program(&self, node: &Node) -> Result<Program> {
        let data = self.data(&node.name);
        fs::create_dir_all(&data)?;
        let address = node.address.ip();
        let (clients, peers) = (format!("http://{address}:2379"), format!("http://{address}:2380"));
        let values = [
            ("name", node.name.clone()),
            ("data-dir", data.join("member").display().to_string()),
            ("listen-client-urls", clients.clone()),
            ("advertise-client-urls", clients),
            ("listen-peer-urls", peers.clone()),
            ("initial-advertise-peer-urls", peers.clone()),
            ("initial-cluster", format!("{}={peers}", node.name)),
            // Patroni writes every two seconds; an hour of that is history enough.
            ("auto-compaction-retention", "1h".into()),
            ("logger", "zap".into()),
            ("log-level", "warn".into()),
        ];
        let args = values.map(|(name, value)| format!("--{name}={value}")).to_vec();
        Ok(Program { path: "etcd".into(), args, cwd: data, ..Program::default() })
    }

    /// Every node of it, as Patroni wants them.
    pub(crate) fn etcd_hosts(&self) -> String {
        let nodes = self.nodes().into_iter().filter(|node| node.kind == Kind::Etcd);
        nodes.map(|node| format!("'{}'", node.address)).collect::<Vec<_>>().join(",")
    }
}

pub fn ready(node: &Node) -> bool {
    crate::probe::http_get(node.address, "/health").is_some_and(|(status, body)| status == 200 && body.contains("true"))
}
