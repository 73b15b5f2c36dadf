//! Bringing the whole stack up, in the order in which its parts need each other.

use std::time::Instant;

use anyhow::{Result, anyhow};

use crate::stack::Stack;
use crate::topology::{Kind, Node};

/// How much of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Postgres, Redis, RabbitMQ, Envoy and the points of presence.
    Infrastructure,
    Everything,
}

/// Gets a line for every step.
pub(crate) type Report<'a> = &'a (dyn Fn(&str) + Sync);

impl Stack {
    /// Starts what is not running, and brings to today's build and settings what is.
    pub fn up(&self, extent: Extent, report: Report) -> Result<()> {
        let _lock = self.lock()?;
        // Workers may have come and gone while the lock was waited for.
        Self::open(&self.folder)?.raise(extent, report)
    }

    fn raise(&self, extent: Extent, report: Report) -> Result<()> {
        let begun = Instant::now();
        let report = |step: &str| report(&format!("{:5.1} s  {step}", begun.elapsed().as_secs_f32()));
        self.infrastructure(&report)?;
        if extent == Extent::Everything {
            for service in &self.topology.services {
                self.migrate(service)?;
                report(&format!("{} is migrated", service.name));
            }
            self.services(&report)?;
        }
        Ok(())
    }

    fn infrastructure(&self, report: Report) -> Result<()> {
        let nodes = self.nodes();
        let of = |kinds: &[Kind]| -> Vec<&Node> { nodes.iter().filter(|node| kinds.contains(&node.kind)).collect() };
        let start = |node: &Node| {
            self.refresh(node, report)?;
            self.start(&node.name)?;
            report(&ready(node));
            Ok(())
        };
        // A service that is not there yet has no endpoint; Envoy reads the files at its start.
        self.publish_endpoints(None)?;
        together(&of(&[Kind::Etcd]), start)?;
        let shards: Vec<String> = self.topology.shards.iter().map(|shard| shard.name.clone()).collect();
        let rest = of(&[Kind::Redis, Kind::Broker, Kind::Envoy]);
        let others = || together(&rest, start);
        in_parallel(
            shards
                .iter()
                .map(|shard| -> Work<'_> { Box::new(move || self.shard(shard, report)) })
                .chain([Box::new(others) as Work<'_>])
                .collect(),
        )?;
        self.replace(&of(&[Kind::Edge]), report)?;
        self.write_description()
    }

    /// The first node of a new shard makes its data, the others copy it. Those of an old one need each other to agree who leads.
    fn shard(&self, shard: &str, report: Report) -> Result<()> {
        let nodes = self.group(Kind::Postgres, shard);
        let nodes: Vec<&Node> = nodes.iter().collect();
        let new = nodes.iter().all(|node| !self.pgdata(node).exists());
        if new {
            self.start(&nodes[0].name)?;
            report(&ready(nodes[0]));
        }
        let launched = |node: &Node| {
            self.refresh(node, report)?;
            self.launch(node)
        };
        together(&nodes, launched)?;
        together(&nodes[usize::from(new)..], |node| self.settle(node).map(|()| report(&ready(node))))?;
        self.refresh_cluster(shard, new)?;
        self.bootstrap(&self.leader(shard)?)
    }

    /// What runs is replaced one by one, so that every service goes on answering.
    fn services(&self, report: Report) -> Result<()> {
        let nodes = self.nodes();
        let of = |kind: Kind| -> Vec<&Node> { nodes.iter().filter(|node| node.kind == kind).collect() };
        let behind = |node: &Node| {
            self.refresh(node, report)?;
            self.start(&node.name).map(|()| report(&ready(node)))
        };
        // First: they park jobs of a kind that only a newer release knows.
        together(&of(Kind::Worker), behind)?;
        self.replace(&of(Kind::Service), report)?;
        report("the load balancer sees every instance");
        together(&of(Kind::Checker), behind)?;
        together(&of(Kind::Autoscaler), behind)
    }

    /// What is missing starts at once; what runs is replaced one by one. Returns when Envoy routes to all of them.
    fn replace(&self, nodes: &[&Node], report: Report) -> Result<()> {
        let (running, missing): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| self.record(node).is_some());
        let start = |node: &Node| self.start(&node.name).map(|()| report(&ready(node)));
        together(&missing, start)?;
        for node in running {
            if self.outdated(node)? {
                report(&format!("{} was built or configured anew and is started again", node.name));
                self.restart(&node.name)?;
            }
            start(node)?;
        }
        self.wait_routed(nodes)
    }

    /// A running node with other settings than today's: Patroni reads them, the others end, to be started anew.
    fn refresh(&self, node: &Node, report: Report) -> Result<()> {
        if node.is_postgres() {
            return self.refresh_patroni(node);
        }
        if self.outdated(node)? {
            report(&format!("{} has other settings now and is started again", node.name));
            self.end(node)?;
        }
        Ok(())
    }
}

fn ready(node: &Node) -> String {
    format!("{} is ready at {}", node.name, node.address)
}

/// The same for every node, at once; all failures in one error.
pub(crate) fn together(nodes: &[&Node], work: impl Fn(&Node) -> Result<()> + Sync) -> Result<()> {
    let work = &work;
    in_parallel(nodes.iter().map(|node| -> Work<'_> { Box::new(move || work(node)) }).collect())
}

type Work<'a> = Box<dyn FnOnce() -> Result<()> + Send + 'a>;

/// Does all of it at once; all failures in one error.
fn in_parallel(work: Vec<Work<'_>>) -> Result<()> {
    let failures: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = work.into_iter().map(|work| scope.spawn(work)).collect();
        let outcomes = running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a thread panicked"))));
        outcomes.filter_map(|outcome| outcome.err().map(|error| format!("{error:#}"))).collect()
    });
    if failures.is_empty() { Ok(()) } else { Err(anyhow!(failures.join("\n"))) }
}
