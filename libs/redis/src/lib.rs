#![doc = include_str!("../README.md")]

mod breaker;
mod link;
mod listener;
mod node;
mod settings;

use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use listener::Listener;
pub use node::{Down, Node};
pub use settings::Settings;

/// The nodes of one purpose, and the prefix of its keys.
#[derive(Clone, Debug)]
pub struct Redis {
    nodes: Arc<[Node]>,
    prefix: Arc<str>,
}

impl Redis {
    /// Connects to nothing yet: a dead Redis never keeps a service from starting.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        anyhow::ensure!(!settings.nodes.is_empty(), "nodes: at least one is needed");
        let nodes = settings.nodes.iter().map(|address| Node::new(address, settings)).collect::<anyhow::Result<_>>()?;
        Ok(Self { nodes, prefix: settings.prefix.as_str().into() })
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Tells `listener` of changes to keys that are read by [`Node::script_tracked`]. The first listener stays.
    pub fn listen(&self, listener: &Arc<dyn Listener>) {
        self.nodes.iter().for_each(|node| node.listen(listener.clone()));
    }

    /// The node of a slot: the one with the highest hash of both, so that losing a node moves only its own slots.
    pub fn node(&self, slot: &str) -> usize {
        let weight = |node: &Node| Sha256::new().chain_update(node.address()).chain_update([0]).chain_update(slot).finalize();
        (0..self.nodes.len()).max_by_key(|index| weight(&self.nodes[*index])).unwrap_or(0)
    }

    /// What all keys of this stack begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis(nodes: &[&str]) -> Redis {
        let nodes = nodes.iter().map(|node| (*node).to_owned()).collect();
        Redis::new(&Settings { nodes, password: String::new(), timeout_ms: 50, prefix: "p:".into() }).unwrap()
    }

    #[test]
    fn losing_a_node_moves_only_its_own_slots() {
        let (three, two) = (redis(&["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]), redis(&["127.0.0.1:1", "127.0.0.1:2"]));
        for slot in 0..200 {
            let slot = slot.to_string();
            let before = three.node(&slot);
            assert!(before == 2 || two.node(&slot) == before);
        }
    }

    #[test]
    fn keys_carry_the_prefix() {
        assert_eq!(redis(&["127.0.0.1:1"]).key("a"), "p:a");
    }
}
