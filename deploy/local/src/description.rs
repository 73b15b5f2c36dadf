//! `test.json`: where everything of a running stack is, for tests and tools. It holds passwords, so only its owner may read it.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use crate::edge::{EDGE, REFRESH};
use crate::postgres::SUPERUSER;
use crate::rabbitmq::RABBITMQ;
use crate::redis::REDIS;
use crate::secrets::DEMO;
use crate::stack::Stack;
use crate::topology::Kind;

#[derive(Serialize)]
struct Description {
    url: String,
    internal_url: String,
    /// What stands before the points of presence.
    edge_url: Option<String>,
    edges: Vec<Instance>,
    /// The value of `X-Edge-Refresh` that has a URL fetched anew.
    edge_refresh: String,
    postgres: Vec<Shard>,
    postgres_user: &'static str,
    postgres_password: String,
    /// Of the people in the demo data.
    demo_password: String,
    cache: String,
    /// All nodes of it; `cache` is the first.
    caches: Vec<String>,
    sessions: String,
    redis_password: String,
    /// The nodes of RabbitMQ.
    brokers: Vec<String>,
    broker_user: &'static str,
    broker_password: String,
    /// Where the checkers of what is cached tell what they found.
    checkers: Vec<String>,
    services: BTreeMap<String, Vec<Instance>>,
    /// The same of their workers, by `articles-worker`.
    workers: BTreeMap<String, Vec<Instance>>,
}

#[derive(Serialize)]
struct Shard {
    name: String,
    /// Which of them is the primary changes: ask.
    nodes: Vec<String>,
}

#[derive(Serialize)]
struct Instance {
    name: String,
    public: String,
    operator: String,
}

impl Stack {
    pub(crate) fn write_description(&self) -> Result<()> {
        let description = Description {
            url: format!("http://127.0.0.1:{}", self.state.port.number),
            internal_url: self.internal_url()?,
            edge_url: self.edge_url().map(|url| url.replace("localhost", "127.0.0.1")),
            edges: self.instances(Kind::Edge, EDGE),
            edge_refresh: self.secret(REFRESH)?,
            postgres: self.topology.shards.iter().map(|shard| self.describe_shard(&shard.name)).collect(),
            postgres_user: SUPERUSER,
            postgres_password: self.secret(SUPERUSER)?,
            demo_password: self.secret(DEMO)?,
            cache: self.node("cache")?.address.to_string(),
            caches: self.group(Kind::Redis, "cache").iter().map(|node| node.address.to_string()).collect(),
            sessions: self.node("sessions")?.address.to_string(),
            redis_password: self.secret(REDIS)?,
            brokers: self.broker_addresses(),
            broker_user: RABBITMQ,
            broker_password: self.secret(RABBITMQ)?,
            checkers: self.nodes().iter().filter(|node| node.kind == Kind::Checker).map(|node| node.operator().to_string()).collect(),
            services: self
                .topology
                .services
                .iter()
                .map(|service| (service.name.clone(), self.instances(Kind::Service, &service.name)))
                .collect(),
            workers: self.topology.workers.iter().map(|worker| (worker.group(), self.instances(Kind::Worker, &worker.group()))).collect(),
        };
        crate::files::write(&self.folder.join("test.json"), &serde_json::to_vec_pretty(&description)?, 0o600)
    }

    pub(crate) fn internal_url(&self) -> Result<String> {
        Ok(format!("http://{}", self.node("envoy")?.address))
    }

    fn describe_shard(&self, shard: &str) -> Shard {
        Shard { name: shard.into(), nodes: self.group(Kind::Postgres, shard).iter().map(|node| node.address.to_string()).collect() }
    }

    fn instances(&self, kind: Kind, group: &str) -> Vec<Instance> {
        let nodes = self.group(kind, group).into_iter();
        nodes.map(|node| Instance { public: node.address.to_string(), operator: node.operator().to_string(), name: node.name }).collect()
    }
}
