//! What a stack consists of: read from `topologies/<name>.toml`, turned into nodes with addresses.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::block::Block;
use crate::edge::EDGE;
use crate::scale::Limits;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    pub envoy: Single,
    /// The points of presence.
    pub edge: Option<Edge>,
    pub etcd: Single,
    pub redis: Vec<Redis>,
    #[serde(default)]
    pub brokers: Vec<Broker>,
    pub shards: Vec<Shard>,
    pub services: Vec<Service>,
    #[serde(default)]
    pub workers: Vec<Worker>,
    /// What adds and removes workers that have limits.
    pub autoscaler: Option<Single>,
    #[serde(default)]
    pub checkers: Vec<Checker>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Single {
    pub host: u8,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    pub host: u8,
    pub instances: u8,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    pub name: String,
    pub host: u8,
    /// The one that it copies, with the settings of that one.
    pub replica_of: Option<String>,
    /// The one with which it shares the keys, and the settings.
    pub beside: Option<String>,
}

/// A node of RabbitMQ.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    pub name: String,
    pub host: u8,
}

/// Processes that run a service's jobs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    pub service: String,
    pub host: u8,
    pub instances: u8,
    /// Absent: there are as many as there are.
    pub scale: Option<Limits>,
}

impl Worker {
    /// What they are called together.
    pub fn group(&self) -> String {
        format!("{}-worker", self.service)
    }
}

/// A process that compares what a service caches with its databases.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checker {
    pub service: String,
    pub host: u8,
}

impl Redis {
    fn group(&self) -> &str {
        self.beside.as_ref().unwrap_or(&self.name)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    pub name: String,
    pub host: u8,
    pub replicas: u8,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub name: String,
    pub host: u8,
    pub instances: u8,
    /// Settings that differ in this topology, as the service's environment variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Etcd,
    /// Which of a shard's nodes is the primary changes while it runs.
    Postgres,
    Redis,
    Broker,
    Envoy,
    /// A point of presence.
    Edge,
    Service,
    Worker,
    Checker,
    Autoscaler,
}

/// One program of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    /// The shard, the service, its workers, the Redis or the brokers it belongs to.
    pub group: String,
    pub kind: Kind,
    /// Where its clients connect: Postgres, Redis, RabbitMQ, the public listener of a service or a point of presence, Envoy's internal listener.
    pub address: SocketAddr,
}

impl Node {
    /// Where it answers questions about its health.
    pub fn operator(&self) -> SocketAddr {
        SocketAddr::new(self.address.ip(), 9000)
    }

    /// Whether Envoy routes to it.
    pub fn is_routed(&self) -> bool {
        matches!(self.kind, Kind::Service | Kind::Edge)
    }

    /// Whether Envoy looks how it is.
    pub fn is_watched(&self) -> bool {
        self.is_routed() || self.kind == Kind::Worker
    }

    pub fn is_postgres(&self) -> bool {
        self.kind == Kind::Postgres
    }
}

impl Topology {
    pub fn load(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(format!("{name}.toml"));
        let text = std::fs::read_to_string(&path).with_context(|| format!("there is no topology {name}: {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a topology", path.display()))
    }

    /// Adds shards like the last one, each ten addresses further.
    pub fn grow(&mut self, shards: u8) {
        for _ in 0..shards {
            let Some(last) = self.shards.last().cloned() else { return };
            let name = format!("s{}", self.shards.len() + 1);
            self.shards.push(Shard { name, host: last.host + 10, ..last });
        }
    }

    /// Every node; `extra` holds how many were added to a shard or service since.
    pub fn nodes(&self, block: Block, extra: &BTreeMap<String, u8>) -> Vec<Node> {
        let more = |name: &str| extra.get(name).copied().unwrap_or(0);
        let node = |name: String, group: &str, kind, host, port| Node {
            name,
            group: group.to_owned(),
            kind,
            address: SocketAddr::new(block.address(host).into(), port),
        };
        let mut nodes = vec![node("etcd".into(), "etcd", Kind::Etcd, self.etcd.host, 2379)];
        for shard in &self.shards {
            for n in 0..=shard.replicas + more(&shard.name) {
                nodes.push(node(format!("{}-{}", shard.name, n + 1), &shard.name, Kind::Postgres, shard.host + n, 5432));
            }
        }
        nodes.extend(self.redis.iter().map(|redis| node(redis.name.clone(), redis.group(), Kind::Redis, redis.host, 6379)));
        nodes.extend(self.brokers.iter().map(|broker| node(broker.name.clone(), "rabbitmq", Kind::Broker, broker.host, 5672)));
        for service in &self.services {
            for n in 0..service.instances + more(&service.name) {
                nodes.push(node(format!("{}-{}", service.name, n + 1), &service.name, Kind::Service, service.host + n, 8000));
            }
        }
        for worker in &self.workers {
            let group = worker.group();
            for n in 0..worker.instances + more(&group) {
                nodes.push(node(format!("{group}-{}", n + 1), &group, Kind::Worker, worker.host + n, 8000));
            }
        }
        for checker in &self.checkers {
            nodes.push(node(format!("{}-checker", checker.service), "checker", Kind::Checker, checker.host, 8000));
        }
        if let Some(autoscaler) = &self.autoscaler {
            nodes.push(node("autoscaler".into(), "autoscaler", Kind::Autoscaler, autoscaler.host, 9000));
        }
        nodes.push(node("envoy".into(), "envoy", Kind::Envoy, self.envoy.host, 9100));
        if let Some(edge) = &self.edge {
            for n in 0..edge.instances + more(EDGE) {
                nodes.push(node(format!("{EDGE}-{}", n + 1), EDGE, Kind::Edge, edge.host + n, 8000));
            }
        }
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_topology_gives_every_node_an_address_of_its_own() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies");
        let topology = Topology::load(&folder, "standard").expect("is a topology");
        let nodes = topology.nodes(Block { a: 70, b: 1 }, &BTreeMap::from([("articles".into(), 1)]));

        let addresses: std::collections::BTreeSet<_> = nodes.iter().map(|node| node.address.ip()).collect();
        assert_eq!(addresses.len(), nodes.len());
        assert_eq!(nodes.len(), 1 + 6 + 4 + 1 + 9 + 4 + 1 + 1 + 1 + 2);
    }

    #[test]
    fn workers_that_are_added_have_room_before_the_next_group() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies");
        let topology = Topology::load(&folder, "standard").expect("is a topology");
        let extra = |worker: &Worker| worker.scale.as_ref().map(|limits| (worker.group(), limits.most - worker.instances));
        let nodes = topology.nodes(Block { a: 70, b: 1 }, &topology.workers.iter().filter_map(extra).collect());

        let addresses: std::collections::BTreeSet<_> = nodes.iter().map(|node| node.address.ip()).collect();
        assert_eq!(addresses.len(), nodes.len());
        assert!(topology.autoscaler.is_some());
    }

    #[test]
    fn only_the_bench_serves_constants_and_from_one_instance() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("topologies");
        let constant = |name| {
            let services = Topology::load(&folder, name).expect("is a topology").services;
            let found = services.into_iter().find(|service| service.env.contains_key("MAGNITUDE_BENCH__CONSTANTS"));
            found.map(|service| (service.name, service.instances))
        };
        assert_eq!(constant("standard"), None);
        assert_eq!(constant("bench"), Some(("articles".into(), 1)));
    }
}
