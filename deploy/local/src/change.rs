//! Faults on purpose, and more nodes.

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::edge::EDGE;
use crate::fault;
use crate::stack::Stack;
use crate::topology::{Kind, Node};
use crate::up::{Extent, Report};

/// The addresses of two shards lie ten apart, before those of the services.
const MOST_SHARDS: usize = 7;
const MOST_MORE: u8 = 7;

impl Stack {
    /// Ends a node as a crash would, workers included.
    pub fn kill(&self, name: &str) -> Result<()> {
        let tree = self.processes(&self.node(name)?);
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

    /// Starts an instance of a service again with a clock that is off by so many seconds; 0 sets it right.
    pub fn skew(&mut self, name: &str, seconds: i32) -> Result<()> {
        let _lock = self.change()?;
        self.set_clock(name, seconds)
    }

    fn set_clock(&mut self, name: &str, seconds: i32) -> Result<()> {
        ensure!(self.node(name)?.kind == Kind::Service, "{name} is no instance of a service");
        self.state.clocks.insert(name.to_owned(), seconds);
        self.state.clocks.retain(|_, seconds| *seconds != 0);
        self.save_state()?;
        self.restart(name)
    }

    /// Brings every node back: unpaused, connected, on the machine's disk, with the right time, running, ready.
    pub fn heal(&mut self) -> Result<()> {
        let _lock = self.change()?;
        // Where no rule can be read none was made.
        let cuts = fault::unusable().is_none();
        for node in self.nodes() {
            if cuts {
                fault::restore(node.address.ip())?;
            }
            for process in self.processes(&node) {
                process.signal(Signal::CONT);
            }
            if node.is_postgres() {
                self.heal_disk(&node)?;
            }
        }
        // A shard's nodes need each other to agree who leads: all run before one is waited for.
        self.nodes().iter().try_for_each(|node| self.launch(node))?;
        self.nodes().iter().try_for_each(|node| self.settle(node))?;
        if self.state.edge_origin.is_some() {
            self.set_edge_origin(None)?;
        }
        let skewed: Vec<String> = self.state.clocks.keys().cloned().collect();
        skewed.iter().try_for_each(|name| self.set_clock(name, 0))
    }

    /// Adds and starts one more instance of a service, one more worker of it, one more point of presence, or one more replica of a shard.
    pub fn add(&mut self, group: &str) -> Result<Node> {
        let _lock = self.change()?;
        ensure!(
            self.scales(group) || self.topology.shards.iter().any(|shard| shard.name == group),
            "{group} is neither a service, its workers, the edge nor a shard"
        );
        let extra = self.state.extra.entry(group.to_owned()).or_default();
        ensure!(*extra < MOST_MORE, "{group} has its {MOST_MORE} additional nodes already");
        *extra += 1;
        self.save_state()?;
        let node = self.last(group)?;
        self.start(&node.name)?;
        self.write_description()?;
        Ok(node)
    }

    /// Ends in order the instance, worker or point of presence that was added last, and forgets it.
    pub fn remove(&mut self, group: &str) -> Result<Node> {
        let _lock = self.change()?;
        ensure!(self.scales(group), "{group} is neither a service, its workers nor the edge");
        ensure!(self.state.extra.get(group).is_some_and(|extra| *extra > 0), "{group} has no additional node");
        let node = self.last(group)?;
        self.stop(&node.name)?;
        self.state.extra.entry(group.to_owned()).and_modify(|extra| *extra -= 1);
        self.state.clocks.remove(&node.name);
        self.save_state()?;
        crate::place::remove(&self.data(&node.name))?;
        self.write_description()?;
        Ok(node)
    }

    /// Whether nodes of this group come and go without data.
    fn scales(&self, group: &str) -> bool {
        self.topology.services.iter().any(|service| service.name == group)
            || self.topology.workers.iter().any(|worker| worker.group() == group)
            || (self.topology.edge.is_some() && group == EDGE)
    }

    fn last(&self, group: &str) -> Result<Node> {
        self.nodes().into_iter().rfind(|node| node.group == group).with_context(|| format!("{group} has no node"))
    }

    /// Adds a shard like the last one to a running stack; its buckets come by `reshard`. The services learn of it one after another.
    pub fn add_shard(&mut self, report: Report) -> Result<String> {
        let name = self.remember_shard()?;
        let services = self.nodes().iter().any(|node| node.kind == Kind::Service && self.record(node).is_some());
        self.up(if services { Extent::Everything } else { Extent::Infrastructure }, report)?;
        Ok(name)
    }

    fn remember_shard(&mut self) -> Result<String> {
        let _lock = self.change()?;
        let name = format!("s{}", self.topology.shards.len() + 1);
        ensure!(self.topology.shards.len() < MOST_SHARDS, "there are {MOST_SHARDS} shards already");
        self.state.shards += 1;
        self.topology.grow(1);
        self.save_state()?;
        Ok(name)
    }

    /// Nobody else, like the autoscaler, changes the stack as long as what this returns lives. What it is now is read anew: somebody may have
    /// added a node.
    pub fn change(&mut self) -> Result<std::fs::File> {
        let lock = self.lock()?;
        *self = Self::open(&self.folder)?;
        Ok(lock)
    }

    fn signal_tree(&self, name: &str, signal: Signal) -> Result<()> {
        let processes = self.processes(&self.node(name)?);
        ensure!(!processes.is_empty(), "{name} is not running");
        for process in processes {
            process.signal(signal);
        }
        Ok(())
    }
}
