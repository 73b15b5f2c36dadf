//! Bringing the whole stack up, in the order in which its parts need each other.

use std::time::Instant;

use anyhow::{Result, anyhow};

use crate::stack::Stack;
use crate::topology::{Kind, Node};

/// How much of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Postgres, Redis and Envoy.
    Infrastructure,
    Everything,
}

impl Stack {
    /// Starts what is not running. `report` gets a line for every step.
    pub fn up(&self, extent: Extent, report: &(dyn Fn(&str) + Sync)) -> Result<()> {
        let _lock = self.lock()?;
        let begun = Instant::now();
        let start = |node: &Node| {
            self.start(&node.name)?;
            if node.kind == Kind::Primary {
                self.bootstrap(node)?;
            }
            report(&format!("{:5.1} s  {} is ready at {}", begun.elapsed().as_secs_f32(), node.name, node.address));
            Ok(())
        };
        let nodes = self.nodes();
        let of = |kinds: &[Kind]| -> Vec<&Node> { nodes.iter().filter(|node| kinds.contains(&node.kind)).collect() };
        // A service that is not there yet has no endpoint; Envoy reads the files at its start.
        self.publish_endpoints(None)?;
        together(&of(&[Kind::Primary, Kind::Redis, Kind::Envoy]), start)?;
        together(&of(&[Kind::Replica]), start)?;
        self.write_description()?;
        if extent == Extent::Everything {
            for service in &self.topology.services {
                self.migrate(service)?;
                report(&format!("{:5.1} s  {} is migrated", begun.elapsed().as_secs_f32(), service.name));
            }
            together(&of(&[Kind::Service]), start)?;
            self.wait_routed()?;
            report(&format!("{:5.1} s  the load balancer sees every instance", begun.elapsed().as_secs_f32()));
        }
        Ok(())
    }
}

/// The same for every node, at once; all failures in one error.
pub(crate) fn together(nodes: &[&Node], work: impl Fn(&Node) -> Result<()> + Sync) -> Result<()> {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = nodes.iter().map(|node| scope.spawn(|| work(node))).collect();
        let outcomes = running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a thread panicked"))));
        outcomes.filter_map(|outcome| outcome.err().map(|error| format!("{error:#}"))).collect()
    });
    if failures.is_empty() { Ok(()) } else { Err(anyhow!(failures.join("\n"))) }
}
