//! Faults on purpose, and more nodes.

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::fault;
use crate::stack::Stack;
use crate::topology::Node;

impl Stack {
    /// Ends a node as a crash would, workers included.
    pub fn kill(&self, name: &str) -> Result<()> {
        let Some(record) = self.record(&self.node(name)?) else { return Ok(()) };
        let tree = record.tree();
        for process in &tree {
            process.signal(Signal::KILL);
        }
        self.wait_ended(name, &tree)
    }

    /// Freezes a node: its connections stay open and nothing answers.
    pub fn pause(&self, name: &str) -> Result<()> {
        self.signal_tree(name, Signal::STOP)
    }

    pub fn resume(&self, name: &str) -> Result<()> {
        self.signal_tree(name, Signal::CONT)
    }

    /// Drops every packet to and from the node's address.
    pub fn cut(&self, name: &str) -> Result<()> {
        fault::cut(self.node(name)?.address.ip())
    }

    pub fn restore(&self, name: &str) -> Result<()> {
        fault::restore(self.node(name)?.address.ip())
    }

    /// Brings every node back: unpaused, connected, running, ready.
    pub fn heal(&self) -> Result<()> {
        // Where no rule can be read none was made.
        let cuts = fault::unusable().is_none();
        for node in self.nodes() {
            if cuts {
                fault::restore(node.address.ip())?;
            }
            if let Some(record) = self.record(&node) {
                for process in record.tree() {
                    process.signal(Signal::CONT);
                }
            }
        }
        self.nodes().iter().try_for_each(|node| self.start(&node.name))
    }

    /// Adds and starts one more instance of a service, or one more replica of a shard.
    pub fn add(&mut self, group: &str) -> Result<Node> {
        let known = self.topology.services.iter().any(|service| service.name == group)
            || self.topology.shards.iter().any(|shard| shard.name == group);
        ensure!(known, "{group} is neither a service nor a shard");
        let extra = self.state.extra.entry(group.to_owned()).or_default();
        ensure!(*extra < 8, "{group} has its 8 additional nodes already");
        *extra += 1;
        self.save_state()?;
        let node = self.nodes().into_iter().rfind(|node| node.group == group).context("the new node exists")?;
        self.start(&node.name)?;
        if node.is_postgres() {
            self.refresh_postgres(&self.primary(group)?)?;
        }
        self.write_description()?;
        Ok(node)
    }

    fn signal_tree(&self, name: &str, signal: Signal) -> Result<()> {
        let record = self.record(&self.node(name)?).with_context(|| format!("{name} is not running"))?;
        for process in record.tree() {
            process.signal(signal);
        }
        Ok(())
    }
}
